"""``neurosim run --live``: the page that shows a run while it trains."""

from __future__ import annotations

import click

from neurosim.play.live import Live
from neurosim.problem.assembly import assemble_on
from neurosim.report.playground import playground
from neurosim.training.observer import Observer
from neurosim.training.simulator import Simulator


def live(other: Observer) -> Live:
    """An observer that opens a page, and tells another one too."""
    return Live(other, _page, _open)


def _page(simulator: Simulator) -> str:
    problem = assemble_on(simulator.scenario, simulator.data)
    return playground(simulator.scenario, problem, {"engine": simulator.backend, "live": True})


def _open(address: str) -> None:
    click.echo(f"shown at {address}", err=True)
    click.launch(address)
