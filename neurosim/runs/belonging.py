"""Whether the files of a run still belong to the scenario, the data and the plugins.

Whatever shows trained numbers checks here first. Since the run, its scenario, its data file or a plugin may have been
edited, or its model replaced by another run's: its numbers then no longer match what is shown beside them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neurosim.errors import DataError, UsageError
from neurosim.runs.folder import FAILURE, METRICS, SUMMARY, digest, provenance, train_again
from neurosim.runs.folder import SCENARIO as SCENARIO_FILE
from neurosim.runs.identity import (
    Identity,
    PluginRecord,
    bit_changes,
    plugin_changes,
    rows_changes,
    scenario_changes,
    shown_changes,
)
from neurosim.runs.model import MODEL
from neurosim.runs.run_files import Written, is_there, read_object
from neurosim.scenario import Scenario
from neurosim.training.recording.recording import FILE as RECORD

# What may have changed, as messages put it.
SCENARIO, ROWS, PLUGINS, VERSIONS = "the scenario", "the data", "the plugins", "the versions"
MODEL_FILE, FILES = "the model", "the files"
# Subfolder of a run for pictures and pages that mix it with something else; the run's own stay as they are.
MIXED = "mixed"


@dataclass(frozen=True)
class Trained:
    """What a run was trained with, as one of its files says.

    Attributes
    ----------
    identity : Identity or None
        All of it; None in files of older versions, which say less:
    rows : mapping of str to str
        SHA-256 of the rows of each split; empty if the file does not say.
    plugins : tuple of PluginRecord or None
        The plugins; None if the file does not say.
    versions : mapping of str to str
        Versions of neurosim and of what it computes with.
    files : mapping of str to str
        SHA-256 of the files that the run left, by name; empty if the file does not say.
    """

    identity: Identity | None = None
    rows: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[PluginRecord, ...] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def known_plugins(self) -> tuple[PluginRecord, ...]:
        """The plugins, as far as the file names them."""
        return self.identity.plugins if self.identity is not None else self.plugins or ()

    def beside(self, now: Identity) -> Identity:
        """The identity of the run; whatever the file does not say is taken to be as it is now."""
        if self.identity is not None:
            return self.identity
        return replace(
            now,
            rows=self.rows or now.rows,
            plugins=now.plugins if self.plugins is None else self.plugins,
            versions={name: self.versions.get(name, version) for name, version in now.versions.items()},
        )


def trained_with(written: Written) -> Trained:
    """What the summary of a run, or its ``failure.json``, says; raises DataError for what no run writes."""
    try:
        return _described(written.values)
    except ValueError as error:
        written.refuse(str(error))


def trained_in(folder: Path) -> Trained:
    """What the run in a folder was trained with, once it has ended; raises DataError for a damaged file."""
    if is_there(folder / SUMMARY):
        return trained_with(read_object(folder / SUMMARY))
    if is_there(folder / FAILURE):
        return trained_with(read_object(folder / FAILURE))
    return Trained()


def made_in(folder: Path | None, scenario: Scenario) -> dict[str, Any]:
    """Versions, machine and plugins that the run in a folder was trained with; today's if it does not say."""
    now = provenance(scenario)
    if folder is None or not is_there(folder / SUMMARY):
        return now
    written = read_object(folder / SUMMARY)
    trained = trained_with(written)
    if not trained.versions:
        return now
    machine = written.part("machine").values if "machine" in written.values else {}
    plugins = [plugin._asdict() for plugin in trained.known_plugins]
    return {"versions": trained.versions, "machine": machine, "plugins": plugins}


def identity_in_model(words: Mapping[str, Any], path: Path) -> Identity:
    """What the description in a model file says of what it belongs to; raises DataError for what no run writes."""
    try:
        return Identity.from_json(words.get("identity"))
    except ValueError as error:
        raise DataError(
            f"{path} does not describe a run: {error}", "It was not written by neurosim: train the network again."
        ) from error


def _described(there: Mapping[str, Any]) -> Trained:
    """What a file says, of an older version too; raises ValueError for anything else."""
    rows, versions, files = (there.get(name, {}) for name in ("rows_sha256", "versions", "files_sha256"))
    for texts in (rows, versions, files):
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise ValueError("rows, versions or files are not given as text")
    plugins = there.get("plugins")
    records = None
    if plugins is not None:
        try:
            records = tuple(PluginRecord(*(str(plugin[key]) for key in PluginRecord._fields)) for plugin in plugins)
        except (KeyError, TypeError) as error:
            raise ValueError("plugins are not given by name, version and SHA-256") from error
    identity = None if there.get("identity") is None else Identity.from_json(there["identity"])
    return Trained(identity, rows, records, versions, files)


@dataclass(frozen=True)
class Changes:
    """What has changed since a run was trained.

    Attributes
    ----------
    folder : Path
        The run.
    lines : mapping of str to sequence of str
        The differences line by line, for each thing that has changed, such as "the scenario".
    """

    folder: Path
    lines: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.lines.values())

    def __or__(self, other: Changes) -> Changes:
        """These changes together with others of the same run."""
        things = {**self.lines, **other.lines}
        both = {thing: [*self.lines.get(thing, ()), *other.lines.get(thing, ())] for thing in things}
        return Changes(self.folder, both)

    @property
    def all_lines(self) -> list[str]:
        """All differences, line by line."""
        return [line for lines in self.lines.values() for line in lines]

    @property
    def remark(self) -> str:
        """A line saying that what is shown does not belong together; empty if nothing has changed."""
        things = [thing for thing, lines in self.lines.items() if lines]
        if not things:
            return ""
        listed = ", ".join(things[:-1]) + " and " * (len(things) > 1) + things[-1]
        verb = "have" if len(things) > 1 or things[0] in (ROWS, PLUGINS, VERSIONS, FILES) else "has"
        return f"{listed} of {self.folder} {verb} changed since it was trained, so not all of this belongs together"

    def refuse(self, *, force: bool) -> None:
        """Raise UsageError, which shows what has changed, unless nothing has or `force` is given."""
        if self and not force:
            raise UsageError(self.message, self.hint)

    @property
    def message(self) -> str:
        """What has changed, line by line."""
        shown = shown_changes(self.all_lines)
        head = f"{self.folder} has changed since it was trained, so its results no longer match what is there now:"
        return f"{head}\n{shown}"

    @property
    def hint(self) -> str:
        """What to do about it."""
        describer = next((name for name in (SUMMARY, FAILURE) if (self.folder / name).is_file()), "")
        again = f", or train it again:  {train_again(self.folder)}" if (self.folder / SCENARIO_FILE).is_file() else "."
        return f"Undo the change{again}\nWith force=True it is read all the same, and what is shown says so." + (
            f"\nWhat it was trained with is in {describer}, under identity." if describer else ""
        )


def changes(folder: Path, was: Identity, now: Identity, *, bits: bool = False) -> Changes:
    """What has changed between the training of a run and now.

    With `bits`, what only moves bits, such as versions, counts as well: for training on.
    """
    lines = {
        SCENARIO: scenario_changes(was.scenario, now.scenario),
        ROWS: rows_changes(was.rows, now.rows),
        PLUGINS: plugin_changes(was.plugins, now.plugins),
    }
    if bits:
        lines[VERSIONS] = bit_changes(was, now)
    return Changes(folder, lines)


def model_changes(folder: Path, summary: Trained, model: Identity) -> Changes:
    """What shows that the model in a run folder is not that of the run whose summary is beside it.

    Both are written at the end of a run, so they must say the same.
    """
    if summary.identity is None:
        lines = [f"  {MODEL}: written by a different version of neurosim from {SUMMARY} beside it"]
    else:
        lines = [f"  {MODEL}: {line.strip()}" for line in changes(folder, summary.identity, model, bits=True).all_lines]
    return Changes(folder, {MODEL_FILE: lines})


def file_changes(folder: Path, trained: Trained, *names: str) -> Changes:
    """Which of these files of a run, all by default, have changed; a missing one is left to whoever reads it."""
    changed = [
        name
        for name in names or (METRICS, RECORD, MODEL)
        if name in trained.files and (folder / name).is_file() and digest(folder / name) != trained.files[name]
    ]
    return Changes(folder, {FILES: [f"  {name}: not the file that the run wrote" for name in changed]})


def check_data_file(folder: Path, scenario: Scenario) -> None:
    """Raise DataError if a file or folder with the run's rows is gone."""
    for option, path in scenario.data.paths.items():
        if not os.path.exists(scenario.base / path):
            what = "file" if option == "file" else "folder"
            raise DataError(
                f"{scenario.base / path}: there is no such {what} any more, and the run in {folder} was trained on it",
                f"Bring it back; if it has only moved, write where it is now into {folder / SCENARIO_FILE}, under "
                "[data].",
            )


def both(first: str, second: str) -> str:
    """Two remarks in one line; either may be empty."""
    return "; ".join(filter(None, (first, second)))


def together(folder: Path, members: Sequence[tuple[str, Changes]]) -> Changes:
    """The changes of all networks of a study: shared ones once, others with the networks' names."""
    things = dict.fromkeys(thing for _, own in members for thing in own.lines)
    return Changes(folder, {thing: list(_joined(thing, members)) for thing in things})


def _joined(thing: str, members: Sequence[tuple[str, Changes]]) -> Iterable[str]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for label, own in members:
        alike.setdefault(tuple(own.lines.get(thing, ())), []).append(label)
    for lines, labels in alike.items():
        if len(labels) == len(members):
            yield from lines
        else:
            others = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
            yield from (f"  {labels[0]}{others}: {line.strip()}" for line in lines)
