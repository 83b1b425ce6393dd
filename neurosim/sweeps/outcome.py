"""What has become of a run that was trained again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurosim.runs.belonging import FILES, MODEL_FILE, PLUGINS, ROWS, SCENARIO, VERSIONS, Changes
from neurosim.scenario import Scenario
from neurosim.sweeps.parting import Parting

# Causes of other numbers, in the order in which they are looked for; the last one is no cause, but says which side of
# the comparison has changed.
CAUSES = (VERSIONS, SCENARIO, PLUGINS, ROWS, MODEL_FILE, FILES)
# With these changed, it is another run that was trained now, whatever its bits.
_OF_ANOTHER_RUN = (SCENARIO, ROWS, MODEL_FILE)


@dataclass(frozen=True)
class Repeated:
    """A network of a run, trained again.

    Attributes
    ----------
    label : str
        What it is called in its study; empty for a single run, and for a run of many seeds.
    folder : Path
        Where the run is.
    backend : str
        Where it was trained, and trained again.
    epochs : int
        How many epochs it has, or, for many seeds, 0.
    changed : Changes
        What has changed since it was trained, which may be why bits differ.
    partings : tuple of Parting
        Where the two part; empty where every bit is the same.
    seeds : int
        How many networks it stands for, where it is a run of many seeds.
    diverged : bool
        Whether the run diverged, so that it has no model.
    recorded : bool
        Whether the run has a recording.
    final : dict of str to float or None
        Its measures at the end, trained again; empty where it has none.
    """

    label: str
    folder: Path
    backend: str
    epochs: int
    changed: Changes
    partings: tuple[Parting, ...]
    seeds: int = 1
    diverged: bool = False
    recorded: bool = False
    final: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether it is the same run, to the bit."""
        return not self.partings and not any(self.changed.lines.get(thing) for thing in _OF_ANOTHER_RUN)

    @property
    def first_epoch(self) -> float | None:
        """The first epoch in which the two differ, 0 if they do before training; None where no epoch is known."""
        return min((one.epoch for one in self.partings if one.epoch is not None), default=None)

    @property
    def causes(self) -> dict[str, list[str]]:
        """What has changed since the run was trained, line by line, in the order in which to look at it."""
        found = {thing: [line.strip() for line in self.changed.lines.get(thing, ())] for thing in CAUSES}
        return {thing: lines for thing, lines in found.items() if lines}

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "label": self.label,
            "run_dir": str(self.folder),
            "backend": self.backend,
            "same": self.same,
            "networks": self.seeds,
            "epochs": self.epochs,
            "diverged": self.diverged,
            "first_epoch": self.first_epoch,
            "changed": self.causes,
            "differences": [one.as_json() for one in self.partings],
        }


@dataclass(frozen=True)
class Verified:
    """A run trained again: all of its networks and, of a study, where its table differs from theirs."""

    folder: Path
    scenario: Scenario
    networks: tuple[Repeated, ...]
    table: tuple[Parting, ...] = ()

    @property
    def same(self) -> bool:
        """Whether every network is the same, to the bit, and the table of a study is that of its networks."""
        return not self.table and all(network.same for network in self.networks)

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "run_dir": str(self.folder),
            "scenario": self.scenario.scenario.name,
            "same": self.same,
            "table": [one.as_json() for one in self.table],
            "runs": [network.as_json() for network in self.networks],
        }
