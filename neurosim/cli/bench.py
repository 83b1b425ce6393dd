"""``neurosim bench``: how fast is compiled code on this machine, and why?"""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import click

from neurosim.cli.door import RETURN, echo
from neurosim.cli.options import BACKEND, JSON, THREADS, print_json
from neurosim.markup import rounded

if TYPE_CHECKING:
    from neurosim.bench.report import Report, Way

WIDTH = 96
PRODUCTS = {
    "forward": "forward, x @ W",
    "weight_gradients": "weight gradients, x.T @ d",
    "input_gradients": "input gradients, d @ W.T",
    "all": "together",
}


@click.command()
@BACKEND
@THREADS
@click.option(
    "--quick", is_flag=True, help="Take only a few seconds: a smaller network and fewer rounds, so rougher figures."
)
@JSON
def command(backend: str, threads: int | None, quick: bool, as_json: bool) -> None:
    """Train one small network in plain Python, in NumPy and compiled, and compare; or measure a GPU."""
    progress = _Progress(silent=as_json)
    if backend == "cuda":
        _bench_gpu(threads, progress, quick=quick, as_json=as_json)
        return
    from neurosim.bench.run import run_benchmark

    try:
        report = run_benchmark(backend, threads, quick=quick, say=progress.say)
    finally:
        progress.clear()
    if as_json:
        print_json(report.as_json())
    else:
        _print(report)


def _bench_gpu(threads: int | None, progress: _Progress, *, quick: bool, as_json: bool) -> None:
    from neurosim.bench.gpu import run_gpu_benchmark
    from neurosim.cli.bench_gpu import show

    try:
        report = run_gpu_benchmark(threads, quick=quick, say=progress.say)
    finally:
        progress.clear()
    if as_json:
        print_json(report.as_json())
    else:
        show(report)


class _Progress:
    """Progress on standard error: a live line on a terminal, otherwise only a note about compiling."""

    def __init__(self, *, silent: bool) -> None:
        self._live = sys.stderr.isatty() and not silent
        self._silent = silent

    def say(self, words: str) -> None:
        """Show what is being done."""
        if self._live:
            click.echo(f"{RETURN}{words:<{WIDTH - 20}}", nl=False, err=True)
        elif words.startswith("compiling") and not self._silent:
            click.echo(words, err=True)

    def clear(self) -> None:
        """Erase the line."""
        if self._live:
            click.echo(f"{RETURN}{'':<{WIDTH - 20}}{RETURN}", nl=False, err=True)


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _title(way: Way) -> str:
    names = {"naive": "plain Python", "numpy": "NumPy", "numpy_threads": "NumPy"}
    return f"{names.get(way.name, 'neurosim')}, {_threads(way.threads)}"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{rounded(ratio)}x"


def _paragraph(text: str, label: str = "") -> None:
    start = f"  {label}  " if label else "  "
    click.echo(textwrap.fill(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start)))


def _print(report: Report) -> None:
    echo("The same training, from slow to fast", bold=True)
    click.echo()
    _print_facts(report)
    click.echo()
    _print_ladder(report)
    click.echo()
    _print_products(report)
    click.echo()
    _print_kernels(report)
    click.echo()
    if report.unsteady:
        echo(
            "Other programs were probably using the processors: the rounds differ a lot (see spread). Close them "
            "and run again.",
            fg="yellow",
        )
    click.echo(f"Medians of {report.rounds} interleaved rounds; {report.seconds:.0f} s in all.")
    click.echo("spread: the width of the middle half of the rounds, as a share of the median.")


def _print_facts(report: Report) -> None:
    widths = "-".join(str(width) for width in report.widths)
    _paragraph(
        f"{widths}, ReLU and softmax, Adam, batches of {report.batch}; {report.rows:,} rows of made-up data",
        "network  ",
    )
    how = "compiled now and kept for next time" if report.compilation.cold else "all of it was in the cache"
    _paragraph(
        f"{report.compilation.seconds:.1f} s to get machine code: {how}; not part of any time below", "compiling"
    )
    agreement = report.agreement
    _paragraph(
        f"all compute the same on {agreement.rows} rows: largest differences {agreement.loss:.0e} in the loss, "
        f"{agreement.gradients:.0e} in the gradients, {agreement.loss_after_update:.0e} in the loss after one update "
        f"(relative; {agreement.tolerance:.0e} allowed)",
        "checked  ",
    )
    peaks = ", ".join(f"{rounded(entry.gflops)} GFLOP/s on {_threads(entry.threads)}" for entry in report.peak)
    _paragraph(f"{peaks}: the best this machine reached in a large matrix product", "peak     ")


def _print_ladder(report: Report) -> None:
    click.echo(f"  {'':<22}{'times':>11}{'times':>10}{'samples':>12}{'GFLOP':>10}{'share':>10}")
    echo(
        f"  {'training':<22}{'line before':>11}{'Python':>10}{'per s':>12}{'per s':>10}{'of peak':>10}{'spread':>9}",
        bold=True,
    )
    for way in report.training:
        star = "*" if way.name == "naive" else " "
        click.echo(
            f"  {_title(way):<22}{_times(way.over_previous):>11}{_times(way.over_naive):>10}"
            f"{rounded(way.samples_per_second):>11}{star}{rounded(way.gflops):>10}"
            f"{way.peak_share:>10.{3 if way.peak_share < 0.001 else 0}%}{way.spread:>9.0%}"
        )
    click.echo()
    for way in report.training:
        _paragraph(_sentence(way), f"{_title(way) + ':':<23}")
    for way in report.beside:
        last = report.training[-1]
        _paragraph(
            f"{rounded(way.samples_per_second)} samples/s when BLAS uses all threads; neurosim on as many achieves "
            f"{_times(last.samples_per_second / way.samples_per_second)} that. Only the products run in parallel.",
            f"{_title(way) + ':':<23}",
        )


def _sentence(way: Way) -> str:
    if way.name == "naive":
        return (
            "each number is an object, and the interpreter has to work out what every single multiplication means. "
            f"(* timed on {way.rows} rows only; the rate is extrapolated from them.)"
        )
    if way.name == "numpy":
        return (
            "a whole batch in one line. The products run in a compiled library (BLAS); but every other operation "
            "makes a new array, so all numbers go through memory again."
        )
    if way.name == "compiled":
        return (
            "the same arithmetic in machine code. Nothing is interpreted between batches, and activations and "
            "updates are computed on numbers that are still in the processor's cache."
        )
    return (
        "each thread computes its own blocks of every product, and waits for the others after each layer. The "
        "result is the same to the bit."
    )


def _print_products(report: Report) -> None:
    echo(f"  {'matrix products of a batch':<33}{'GFLOP per s':>21}{'of peak':>12}{'spread':>9}", bold=True)
    for product in report.products:
        click.echo(
            f"  {PRODUCTS[product.name]:<33}{rounded(product.gflops):>21}"
            f"{product.peak_share:>12.0%}{product.spread:>9.0%}"
        )
    _paragraph(
        "The products alone, in NumPy on one thread: about what BLAS achieves for matrices of this size. Training that "
        "reaches a smaller share of the peak spends the rest of its time on everything else."
    )


def _print_kernels(report: Report) -> None:
    echo(f"  {'everything else':<33}{'times NumPy':>11}{'NumPy':>12}{'compiled':>12}{'spread':>14}", bold=True)
    for kernel in report.kernels:
        if kernel.name == "adam":
            title, unit, share = "Adam, each parameter", "ns", 1000.0 / kernel.numbers
        else:
            title, unit, share = f"{kernel.name}, {kernel.numbers:,} numbers", "us", 1.0
        times = [
            f"{rounded(value * share)} {unit}" for value in (kernel.numpy_microseconds, kernel.compiled_microseconds)
        ]
        spread = f"{kernel.numpy_spread:.0%}, {kernel.compiled_spread:.0%}"
        click.echo(f"  {title:<33}{_times(kernel.speedup):>11}{times[0]:>12}{times[1]:>12}{spread:>14}")
    _paragraph(
        "NumPy goes through all numbers once for each operation of a formula; compiled code computes the whole formula "
        "for a few numbers at a time. (The erf in NumPy's gelu is SciPy's.)"
    )
