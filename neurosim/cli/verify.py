"""``neurosim verify``: a finished run trained again, and whether it is the same, bit for bit."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurosim.cli.door import echo
from neurosim.cli.given import RunPath
from neurosim.cli.options import DATA_DIR, JSON, THREADS, print_json
from neurosim.cli.sources import Sources, with_sources

if TYPE_CHECKING:
    from neurosim.sweeps import Repeated, Verified

DIFFERENT = 5
# Of more networks than this, those that are the same are only counted.
FEW = 20
# At most so many lines about what has changed, and about what differs.
MOST = 12


@click.command()
@click.argument("run", required=False, type=RunPath(path_type=str), metavar="RUN")
@THREADS
@with_sources(DATA_DIR)
@JSON
def command(run: str | None, threads: int | None, sources: Sources, as_json: bool) -> int:
    """Train RUN again, and say whether its model, its measures and its recording are the same, bit for bit.

    RUN is the folder of a finished run or study, of a run with --seeds or of a replay, or "last" for the newest. Its
    scenario is trained on the backend that it was trained on, into a temporary folder; RUN itself stays as it is.

    Where bits differ, it says what has changed since (versions, scenario, plugins, data, files) and where the two part:
    in which epoch, in which layers, by how much. The exit status is 0 for the same bits and 5 for others.
    """
    if run is None:
        raise click.UsageError("which run? Try: neurosim verify last")
    from neurosim.cli.progress import progress_display
    from neurosim.sweeps import verify

    with progress_display(silent=as_json or not sys.stdout.isatty()) as observer:
        found = verify(Path(run), sources.registry, threads=threads, data_dir=sources.data_dir, observer=observer)
    if as_json:
        print_json(found.as_json())
    else:
        _print(found)
    return 0 if found.same else DIFFERENT


def _print(found: Verified) -> None:
    many = len(found.networks) > 1
    echo(f"{found.scenario.scenario.headline}  ({found.folder})", bold=True)
    for network in found.networks:
        if network.same and len(found.networks) > FEW and not network.causes:
            continue
        click.echo(f"  {f'{network.label}: ' if many else ''}{_verdict(network)}")
        _list([f"since then  {line}" for lines in network.causes.values() for line in lines])
        _list([f"{one.thing:<11} {one.words}" for one in network.partings])
    _list([one.words for one in found.table])
    if many:
        same = sum(network.same for network in found.networks)
        click.echo(f"  {same:,} of {len(found.networks):,} networks are the same, bit for bit")


def _list(lines: Sequence[str]) -> None:
    for line in lines[:MOST]:
        click.echo(f"    {line}")
    if len(lines) > MOST:
        click.echo(f"    and {len(lines) - MOST:,} more; --json has all of them")


def _verdict(network: Repeated) -> str:
    """In one line whether a network is the same, or where it first is not."""
    where = f"trained again on {network.backend}"
    if network.same:
        return f"The same, bit for bit: {_kept(network)}, {where}."
    if not network.partings:
        return f"Not the same run: its bits are, but not what it was trained with ({where})."
    first = network.first_epoch
    if first is not None:
        return f"Not the same: they {f'part in epoch {first:g}' if first else 'differ before training'} ({where})."
    from neurosim.sweeps.parting import MEASURES

    if any(one.thing == MEASURES for one in network.partings):
        return f"Not the same ({where})."
    return f"Not the same, though no epoch differs ({where})."


def _kept(network: Repeated) -> str:
    """What was compared."""
    if network.seeds > 1:
        return f"the measures of {network.seeds:,} networks"
    if network.diverged:
        return f"how it diverged in epoch {network.epochs + 1:,}, and the measures until then"
    epochs = "1 epoch" if network.epochs == 1 else f"{network.epochs:,} epochs"
    recorded = ", recording" if network.recorded else ""
    return f"model, measures of {epochs}{recorded}"
