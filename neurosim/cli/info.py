"""``neurosim info``: what neurosim runs on."""

from __future__ import annotations

from typing import Any

import click

from neurosim.cli.options import JSON, print_json


@click.command()
@JSON
def command(as_json: bool) -> None:
    """Show versions, threads, BLAS, GPU, caches and data folders."""
    facts = _facts()
    if as_json:
        print_json(facts)
        return
    width = max(len(name) for group in facts.values() for name in group)
    for number, (group, entries) in enumerate(facts.items()):
        if number:
            click.echo()
        click.secho(group, bold=True)
        for name, value in entries.items():
            click.echo(f"  {name:<{width}}  {value}")


def _facts() -> dict[str, dict[str, Any]]:
    import importlib.metadata
    import os
    import platform

    from neurosim.backends.cache import cache_folder
    from neurosim.backends.cpu.blas import chosen_sgemm
    from neurosim.backends.cpu.team import available_threads
    from neurosim.backends.select import describe_gpu
    from neurosim.data import data_root
    from neurosim.registry import build_registry
    from neurosim.version import __version__

    packages = ("numpy", "numba", "llvmlite", "scipy", "matplotlib", "pluggy", "pydantic", "safetensors")
    registry = build_registry()
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
            "BLAS": chosen_sgemm()[1],
            "GPU": describe_gpu(),
        },
        "folders": {
            "data": str(data_root()),
            "compiled kernels": str(cache) if cache is not None else "cannot be written",
        },
        "plugins": plugins or {"installed": "none"},
    }
