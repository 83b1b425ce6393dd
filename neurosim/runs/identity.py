"""What the numbers of a run belong to: one identity, written beside them, and compared by whoever continues from them.

Two runs of one identity give the same bits. What changes no number of a run (its title, its promises, its pictures,
where its data file is) is not part of it; nor is what it records, which changes none of the trained numbers.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np

from neurosim.backends.arithmetic import arithmetic_of, compiler_of
from neurosim.errors import UsageError
from neurosim.network.network import Network
from neurosim.plugin.host import Plugin
from neurosim.scenario import Scenario
from neurosim.scenario.schema import RequiresSection
from neurosim.scenario.study import PlotsSection
from neurosim.training.recording.for_report import asked_for, recorded_for_report
from neurosim.training.simulator import Simulator
from neurosim.version import __version__

# At most so many changed lines are shown, and so many characters of each.
SHOWN = 16
LONGEST = 120
# Why not even force=True resumes such a run.
FINISHED = "what is trained to its end stays what it is: train the changed scenario anew, and resume nothing."
_SPLITS = {"train": "training", "validation": "validation", "test": "test"}


class PluginRecord(NamedTuple):
    """A plugin that a scenario uses or requires: its name, its version (empty for a file), and its SHA-256."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Identity:
    """What the numbers of a run belong to.

    Attributes
    ----------
    scenario : str
        The text of what determines the trained numbers; see `determining`.
    rows : mapping of str to str
        SHA-256 of the rows of each split, before any scaling.
    plugins : tuple of PluginRecord
        Those that the scenario uses or requires.
    versions : mapping of str to str
        Of neurosim and NumPy, and of the compiler that the backend uses.
    arithmetic : mapping of str to str
        What else decides the last bits: the backend, and what it computes with.
    """

    scenario: str
    rows: Mapping[str, str]
    plugins: tuple[PluginRecord, ...]
    versions: Mapping[str, str]
    arithmetic: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        plain = {name: dict(getattr(self, name)) for name in ("rows", "versions", "arithmetic")}
        return {
            "scenario": self.scenario,
            "rows": plain["rows"],
            "plugins": [plugin._asdict() for plugin in self.plugins],
            "versions": plain["versions"],
            "arithmetic": plain["arithmetic"],
        }

    @classmethod
    def from_json(cls, given: Any) -> Identity:
        """What `as_json` gave; raises ValueError for anything else."""
        if not isinstance(given, dict) or given.keys() != {field.name for field in fields(cls)}:
            raise ValueError("the identity lacks some of its parts")
        if not isinstance(given["scenario"], str) or not isinstance(given["plugins"], list):
            raise ValueError("the identity has no scenario, or no plugins")
        plugins = [_texts(entry, "a plugin") for entry in given["plugins"]]
        if any(entry.keys() != set(PluginRecord._fields) for entry in plugins):
            raise ValueError("a plugin of the identity has no name, version or hash")
        texts = {name: _texts(given[name], name) for name in ("rows", "versions", "arithmetic")}
        return cls(given["scenario"], plugins=tuple(PluginRecord(**entry) for entry in plugins), **texts)


def _texts(given: Any, what: str) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise ValueError(f"{what} of the identity is not given as text")
    return dict(given)


def identity_of(simulator: Simulator) -> Identity:
    """The identity of what a simulator trains."""
    return identity_from(simulator.scenario, simulator.data.sha256, simulator.backend)


def identity_from(scenario: Scenario, rows: Mapping[str, str], backend: str) -> Identity:
    """The identity of a scenario trained on rows with these hashes by a backend, here and now."""
    return Identity(
        determining(scenario),
        dict(rows),
        _records_of(scenario.taking_part),
        {"neurosim": __version__, "numpy": np.__version__, **compiler_of(backend)},
        {"backend": backend, **arithmetic_of(backend)},
    )


def plugin_records(scenario: Scenario) -> tuple[PluginRecord, ...]:
    """Name, version and source hash of each plugin that the scenario uses or requires."""
    return _records_of(scenario.plugins)


def _records_of(plugins: Iterable[Plugin]) -> tuple[PluginRecord, ...]:
    return tuple(PluginRecord(plugin.name, plugin.version, plugin.sha256) for plugin in plugins)


def determining(scenario: Scenario, *, record: bool = False) -> str:
    """The scenario as text, without what affects no trained number (with `record`, no recorded number either).

    Only the names of data files are kept: their rows are known by their hashes.
    """
    data = scenario.data.with_paths({option: PurePath(path).name for option, path in scenario.data.paths.items()})
    return replace(
        scenario,
        scenario=scenario.scenario.model_copy(update={"title": "", "lesson": "", "changed": None}),
        data=data,
        training=scenario.without_logs.model_copy(update={"checkpoint_every": None}),
        record=scenario.record if record else None,
        expect={},
        claims=(),
        play=None,
        sweep=None,
        plots=PlotsSection(),
        # Plugins are identified by their content.
        requires=RequiresSection(),
        variants={},
    ).to_toml()


def scenario_changes(was: str, now: str) -> list[str]:
    """The differences between two scenarios in the form that `determining` gives, line by line."""
    lines = list(difflib.unified_diff(was.splitlines(), now.splitlines(), lineterm="", n=0))
    return [f"  scenario: {line}" for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def bit_changes(was: Identity, now: Identity) -> list[str]:
    """Changes in versions and in whatever else decides the last bits, as lines to show."""
    return [
        f"  {name}: {before.get(name, 'none')}, now {after.get(name, 'none')}, which may change the last bits"
        for before, after in ((was.versions, now.versions), (was.arithmetic, now.arithmetic))
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def rows_changes(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Splits whose rows have changed, by their hashes, as lines to show."""
    changed = [split for split in {**was, **now} if was.get(split) != now.get(split)]
    return [
        f"  data: the {_SPLITS.get(split, split)} rows have changed (SHA-256 {_short(was.get(split))}, "
        f"now {_short(now.get(split))})"
        for split in changed
    ]


def plugin_changes(was: Sequence[PluginRecord], now: Sequence[PluginRecord]) -> list[str]:
    """Plugins that have changed, as lines to show."""
    before, after = ({plugin.name: plugin for plugin in plugins} for plugins in (was, now))
    lines = []
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old is None:
            lines.append(f"  plugin {name}: has a part in it now, and had none then")
        elif new is None:
            lines.append(f"  plugin {name}: has no part in it now, so a name means something else than it did")
        elif old.version != new.version:
            lines.append(f"  plugin {name}: {_version(old)}, now {_version(new)}")
        elif old != new:
            lines.append(f"  plugin {name}: its code has changed ({_hash(old)}, now {_short(new.sha256)})")
    return lines


def _version(plugin: PluginRecord) -> str:
    return f"version {plugin.version} ({_hash(plugin)})" if plugin.version else f"a file ({_hash(plugin)})"


def _hash(plugin: PluginRecord) -> str:
    return f"SHA-256 {_short(plugin.sha256)}"


def _short(digest: str | None) -> str:
    return f"{digest[:12]}…" if digest else "none"


def changes_of(own: Scenario, chosen: Scenario, simulator: Simulator) -> list[str]:
    """The differences between the scenario in a run folder and the one given to resume it with.

    `simulator` is of either. What the report added to the recording is no difference; how often it was added depends
    on the epochs that the run in the folder was to have.
    """
    network, _, classes = _recorded_of(simulator)
    if own.record in (chosen.record, recorded_for_report(chosen.record, network, own.training.epochs, classes)):
        chosen = replace(chosen, record=own.record)
    return scenario_changes(determining(own, record=True), determining(chosen, record=True))


def without_report(scenario: Scenario, simulator: Simulator) -> Scenario:
    """The scenario in a run folder as its author wrote it, without what is recorded for the report."""
    asked = asked_for(scenario.record, *_recorded_of(simulator))
    return replace(scenario, given=scenario.given.model_copy(update={"record": asked}))


def _recorded_of(simulator: Simulator) -> tuple[Network, int, int]:
    """Network, epochs and number of classes, which decide what is recorded for the report."""
    return simulator.network, simulator.training.epochs, len(simulator.data.classes)


def another_run(what: Path, changes: Sequence[str], hint: str) -> UsageError:
    """The error where something has changed since a run was begun; `what` is its folder, or a file in it."""
    return UsageError(f"{what} belongs to a different run from the one to resume:\n{shown_changes(changes)}", hint)


def shown_changes(changes: Sequence[str]) -> str:
    """The changed lines, shortened if there are many."""
    more = [f"  and {len(changes) - SHOWN} more lines"] if len(changes) > SHOWN else []
    return "\n".join(line[:LONGEST] for line in [*changes[:SHOWN], *more])
