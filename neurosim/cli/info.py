"""``neurosim info``: what neurosim runs on, or what a scenario's network is made of."""

from __future__ import annotations

from typing import Any

import click

from neurosim.cli.door import echo
from neurosim.cli.given import ScenarioPath
from neurosim.cli.options import DATA_DIR, JSON, SET, print_json, say_notes
from neurosim.cli.sources import Sources, with_sources


@click.command()
@click.argument("scenario", required=False, type=ScenarioPath(path_type=str), metavar="[SCENARIO]")
@SET
@with_sources(DATA_DIR)
@JSON
def command(
    scenario: str | None,
    settings: tuple[str, ...],
    sources: Sources,
    as_json: bool,
) -> None:
    """Show what the network of SCENARIO is made of: layers, shapes, parameters, multiply-adds and memory.

    Without SCENARIO: versions, threads, BLAS, GPU, caches and data folders.
    """
    if scenario is not None:
        _show_network(scenario, settings, sources, as_json=as_json)
        return
    if settings or sources != Sources():
        raise click.UsageError("these options need a scenario. Try: neurosim info mnist")
    facts = _facts()
    if as_json:
        print_json(facts)
        return
    width = max(len(name) for group in facts.values() for name in group)
    for number, (group, entries) in enumerate(facts.items()):
        if number:
            click.echo()
        echo(group, bold=True)
        for name, value in entries.items():
            click.echo(f"  {name:<{width}}  {value}")


def _show_network(
    scenario: str,
    settings: tuple[str, ...],
    sources: Sources,
    *,
    as_json: bool,
) -> None:
    from neurosim.analysis.architecture import architecture
    from neurosim.cli.architecture import print_architecture
    from neurosim.problem.assembly import build_training
    from neurosim.problem.building import build_network
    from neurosim.problem.outlines import data_or_outline

    loaded = sources.scenario(scenario, settings)
    say_notes(loaded)
    data = data_or_outline(loaded, sources.data_dir)
    numbers = architecture(build_network(loaded, data), build_training(loaded, len(data.train)), len(data.train))
    if as_json:
        print_json({"scenario": loaded.scenario.name, **numbers.as_json()})
    else:
        print_architecture(loaded.scenario.headline, numbers)


def _facts() -> dict[str, dict[str, Any]]:
    import importlib.metadata
    import os
    import platform

    from neurosim.backends.arithmetic import numpy_blas
    from neurosim.backends.cache import cache_folder
    from neurosim.backends.cpu.jit import fuses
    from neurosim.backends.cpu.team import available_threads
    from neurosim.backends.select import describe_gpu
    from neurosim.data import data_root
    from neurosim.version import __version__

    packages = ("numpy", "numba", "llvmlite", "scipy", "matplotlib", "pluggy", "pydantic", "safetensors")
    registry = Sources().registry
    plugins = {plugin.label: plugin.error or f"{plugin.version} {plugin.origin}".strip() for plugin in registry.plugins}
    cache = cache_folder()
    return {
        "versions": {
            "neurosim": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in packages},
        },
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processors": os.cpu_count(),
            "threads": available_threads(),
            "fused multiply-add": "yes" if fuses() else "no: computed in software, exactly and slowly",
            "BLAS": f"{numpy_blas()}, for the reference backend",
            "GPU": describe_gpu(),
        },
        "folders": {
            "data": str(data_root()),
            "compiled kernels": str(cache) if cache is not None else "cannot be written",
        },
        "plugins": plugins or {"installed": "none"},
    }
