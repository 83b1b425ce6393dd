"""What ``neurosim bench --backend cuda`` prints."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from neurosim.cli.door import echo
from neurosim.markup import rounded

if TYPE_CHECKING:
    from neurosim.bench.gpu_report import Crossover, Duel, GpuReport

WIDTH = 80
IDEAS = {
    "naive": "one thread per result",
    "tiled": "shared memory",
    "register_tiled": "4 x 4 results per thread",
    "vectorized": "8 x 8, 16 bytes per load",
    "cublas": "NVIDIA's library",
}


def show(report: GpuReport) -> None:
    """Print everything."""
    echo("A GPU, alone and compared with this machine's processors", bold=True)
    click.echo()
    _show_facts(report)
    click.echo()
    _show_products(report)
    click.echo()
    _show_training(report)
    for crossover in report.crossovers:
        click.echo()
        _show_crossover(crossover)
    click.echo()
    _show_prediction(report)
    click.echo()
    _paragraph(
        f"Medians of {report.rounds} interleaved rounds; {report.seconds:.0f} s in all. spread: the width of "
        "the middle half of the rounds, as a share of the median."
    )


def _paragraph(text: str, label: str = "") -> None:
    start = f"  {label:<10}" if label else "  "
    click.echo(textwrap.fill(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start)))


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{rounded(seconds / size)} {unit}"
    return f"{rounded(seconds / 1e-9)} ns"


def _show_facts(report: GpuReport) -> None:
    gpu = report.gpu
    _paragraph(
        f"{gpu.name}, capability {gpu.capability[0]}.{gpu.capability[1]}: {gpu.processors} multiprocessors of "
        f"{gpu.cores} cores at up to {gpu.clock_mhz:,.0f} MHz, {gpu.memory_bytes / 2**30:.0f} GiB",
        "device",
    )
    _paragraph(
        f"{rounded(gpu.peak_gflops)} GFLOP/s in float32, if every core did a multiplication and an addition in every "
        "clock cycle",
        "peak",
    )
    compiling = report.compilation
    _paragraph(
        f"{compiling['products']:.1f} s for the products, {compiling['training']:.1f} s for the training; not part "
        "of any time below",
        "compiling",
    )
    checked = report.checked
    _paragraph(
        f"{checked.products} products against NumPy in float64: largest difference {checked.error:.0e} (relative; "
        f"{checked.tolerance:.0e} allowed). Each training run: its loss against that on the CPU",
        "checked",
    )
    costs = ", ".join(f"{rounded(cost.microseconds)} us with {cost.count}" for cost in report.launches)
    _paragraph(f"of a kernel that does nothing, by number of arguments: {costs} arrays", "launch")
    _paragraph(
        f"{rounded(report.barrier.microseconds)} us for {report.barrier.count} blocks to wait for one another within "
        "a launch (grid barrier)",
        "barrier",
    )


def _show_products(report: GpuReport) -> None:
    echo(f"  {'matrix products':<40}{'size':>8}{'GFLOP/s':>12}{'peak':>8}{'spread':>8}", bold=True)
    for rate in report.products:
        title = f"{rate.name}: {IDEAS[rate.name]}"
        click.echo(f"  {title:<40}{rate.size:>8}{rounded(rate.gflops):>12}{rate.peak_share:>8.1%}{rate.spread:>8.0%}")
    if not any(rate.name == "cublas" for rate in report.products):
        _paragraph("NVIDIA's own product, cuBLAS, is measured where CuPy is installed.")


def _heading(title: str) -> None:
    echo(f"  {title:<30}{'CPU':>12}{'GPU':>12}{'times CPU':>12}{'spread':>12}", bold=True)


def _show_duel(title: str, duel: Duel) -> None:
    spread = f"{duel.cpu_spread:.0%}, {duel.gpu_spread:.0%}"
    click.echo(
        f"  {title:<30}{_time(duel.cpu_seconds):>12}{_time(duel.gpu_seconds):>12}"
        f"{rounded(duel.speedup) + 'x':>12}{spread:>12}"
    )


def _show_training(report: GpuReport) -> None:
    _heading("training")
    _show_duel(f"{report.epoch_rows:,} rows in batches of {report.epoch.value}", report.epoch)
    widths = "-".join(str(width) for width in report.widths)
    gpu = report.epoch
    _paragraph(
        f"An epoch of {widths} with Adam, data resident, {report.threads} threads on the CPU; "
        f"{rounded(gpu.gpu_gflops)} GFLOP/s on the GPU, {gpu.gpu_gflops / report.gpu.peak_gflops:.1%} of its peak."
    )


def _show_crossover(crossover: Crossover) -> None:
    _heading(crossover.what)
    for duel in crossover.duels:
        _show_duel(f"{duel.value:,}", duel)
    value = crossover.overtakes_at
    if value is None:
        _paragraph("The CPU is faster even in the largest of these: too little work for the GPU.")
    elif value == crossover.duels[0].value:
        _paragraph("The GPU is faster in all of these.")
    else:
        _paragraph(f"The GPU overtakes the CPU at {value:,}: below that it mostly waits.")


def _show_prediction(report: GpuReport) -> None:
    predicted = report.predicted
    echo(f"  {'predicted for a step':<24}{'computing':>12}{'memory':>12}{'barriers':>12}{'together':>12}", bold=True)
    whole = ("all of it", *(sum(times) for times in zip(*(times for _, *times in predicted.step), strict=True)))
    for name, *seconds in (*predicted.step, whole):
        click.echo(f"  {name:<24}" + "".join(f"{_time(part):>12}" for part in (*seconds, sum(seconds))))
    _paragraph(
        "What a step should take, by what its kernels do: carry out instructions (computing), wait for numbers "
        "(memory), and wait for one another (barriers). It is counted from their machine code, not measured."
    )
    click.echo()
    echo(f"  {'was that right?':<30}{'predicted':>12}{'measured':>12}{'of predicted':>14}", bold=True)
    _show_predicted("the epoch above", predicted.epoch, report.epoch.gpu_seconds)
    measured = {duel.value: duel.gpu_seconds for entry in report.crossovers[-1:] for duel in entry.duels}
    for count, expected in predicted.networks:
        networks = "1 XOR network" if count == 1 else f"{count:,} XOR networks"
        _show_predicted(networks, expected, measured.get(count))
    _paragraph(
        "The model behind these predictions was made without a GPU. Where the two are far apart, trust what was "
        "measured: the model has overlooked something."
    )


def _show_predicted(title: str, expected: float, found: float | None) -> None:
    figures = f"{'-':>12}{'-':>14}" if found is None else f"{_time(found):>12}{rounded(found / expected) + 'x':>14}"
    click.echo(f"  {title:<30}{_time(expected):>12}{figures}")
