"""What determines a run, and whether the run to go on with is the one that is in a folder."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from neurosim.errors import UsageError
from neurosim.network import Network
from neurosim.recording.for_report import asked_for, recorded_for_report
from neurosim.scenario import Scenario
from neurosim.scenario.schema import RequiresSection
from neurosim.scenario.study import PlotsSection
from neurosim.simulator import Simulator
from neurosim.training.folder import portable

# Of what has changed, so much is shown: lines, and letters of a line.
SHOWN = 16
LONGEST = 120
# Why even --force does not go on.
FINISHED = "what is trained to its end stays what it is: train the changed scenario anew, without --resume."


def determining(scenario: Scenario) -> str:
    """The scenario as text without what changes no number of a run: titles, promises, pictures, checkpoints."""
    return replace(
        portable(scenario),
        scenario=scenario.scenario.model_copy(update={"title": "", "lesson": "", "changed": None}),
        training=scenario.training.model_copy(update={"checkpoint_every": None}),
        expect={},
        claims=(),
        plots=PlotsSection(),
        # Plugins are known by what is in them.
        requires=RequiresSection(),
        variants={},
    ).to_toml()


def scenario_changes(was: str, now: str) -> list[str]:
    """What differs between two scenarios as `determining` gives them, line by line."""
    lines = list(difflib.unified_diff(was.splitlines(), now.splitlines(), lineterm="", n=0))
    return [f"  scenario: {line}" for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def changes_of(own: Scenario, chosen: Scenario, simulator: Simulator) -> list[str]:
    """What differs between the scenario in a run folder and the one that was named to go on with it.

    `simulator` is of either. What its report has added to the recording is no difference, and how often it was added
    is a matter of the epochs that the run in the folder was to have.
    """
    network, _, classes = _recorded_of(simulator)
    if own.record in (chosen.record, recorded_for_report(chosen.record, network, own.training.epochs, classes)):
        chosen = replace(chosen, record=own.record)
    return scenario_changes(determining(own), determining(chosen))


def without_report(scenario: Scenario, simulator: Simulator) -> Scenario:
    """The scenario in a run folder as somebody wrote it who did not ask for what its report has recorded besides."""
    asked = asked_for(scenario.record, *_recorded_of(simulator))
    return replace(scenario, given=scenario.given.model_copy(update={"record": asked}))


def _recorded_of(simulator: Simulator) -> tuple[Network, int, int]:
    """Network, epochs and number of classes: what decides on what is recorded for the report."""
    return simulator.network, simulator.training.epochs, len(simulator.data.classes)


def another_run(what: Path, changes: Sequence[str], hint: str) -> UsageError:
    """The error where something has changed since a run was begun; `what` is its folder, or a file in it."""
    more = [f"  and {len(changes) - SHOWN} more lines"] if len(changes) > SHOWN else []
    shown = "\n".join(line[:LONGEST] for line in [*changes[:SHOWN], *more])
    return UsageError(f"{what} belongs to another run than the one to go on with:\n{shown}", hint)
