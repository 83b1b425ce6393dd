"""The runs that are ranked, as their folders tell of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurosim.errors import DataError
from neurosim.files.array_files import UNREADABLE
from neurosim.printable import printable
from neurosim.runs.folder import FAILURE, SCENARIO, SUMMARY
from neurosim.runs.model import MODEL
from neurosim.runs.run_files import Written, read_failure, read_summary
from neurosim.sweeps.packs import PackFile, packs_in

# Of a scenario, what decides no number of a network, or is no setting of it.
_ASIDE = ("scenario", "expect", "claims", "plots", "record", "play", "sweep", "requires", "variants")


@dataclass(frozen=True)
class Entry:
    """A run that is ranked.

    Attributes
    ----------
    settings : mapping of str to object
        Its scenario by dotted key.
    seed : int
        Its seed.
    final : mapping of str to (float or None)
        Its measures; empty where it has failed.
    parameters : int or None
        How many the network has.
    seconds : float or None
        How long it trained.
    folder : Path or None
        Where it is.
    reason : str
        Why it has failed; else empty.
    met : bool or None
        Whether it met all that its scenario expects; None where that is nothing.
    multiply_adds : int or None
        Of one row on its way forward; None in runs of older versions.
    """

    settings: Mapping[str, Any]
    seed: int
    final: Mapping[str, float | None] = field(default_factory=dict)
    parameters: int | None = None
    seconds: float | None = None
    folder: Path | None = None
    reason: str = ""
    met: bool | None = None
    multiply_adds: int | None = None


def entries_in(folders: Iterable[Path]) -> list[Entry]:
    """The ended runs in some folders: each is a run, or holds runs.

    Raises
    ------
    DataError
        When a folder has no run that has ended, or a file is damaged.
    """
    found: dict[Path, Entry] = {}
    for folder in folders:
        own = list(_runs_in(folder))
        if not own:
            raise DataError(
                f"{folder} has no run that has ended",
                "neurosim rank takes folders of single networks, and folders that hold such, as a sweep leaves them.",
            )
        for path in own:
            found |= _read(path)
    return list(found.values())


def _read(path: Path) -> dict[Path, Entry]:
    """The runs in a folder of one, or in a pack, by where each is."""
    if path.is_dir():
        return {path.resolve(): read_entry(path)}
    there = path.parent.resolve()
    return {there / name: entry for name, entry in packed_entries(path).items()}


def _runs_in(folder: Path) -> Iterator[Path]:
    if _is_run(folder):
        yield folder
        return
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror or error}", "Name the folder of a sweep.") from error
    yield from packs_in(folder)
    # What begins with a dot is not whole yet.
    yield from (path for path in inside if not path.name.startswith(".") and _is_run(path))


def _is_run(folder: Path) -> bool:
    """Whether there is one network that was trained, or diverged; a study and a run of many seeds have no model."""
    trained = (folder / SUMMARY).is_file() and (folder / MODEL).is_file()
    return (folder / SCENARIO).is_file() and (trained or (folder / FAILURE).is_file())


def read_entry(folder: Path) -> Entry:
    """The run in a folder; raises DataError where a file is damaged."""
    try:
        tree = tomllib.loads((folder / SCENARIO).read_text(encoding="utf-8"))
        settings, seed = settings_of(tree), int(tree.get("scenario", {}).get("seed", 0))
    except (OSError, ValueError, OverflowError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{folder / SCENARIO} cannot be read: {error}", "Leave this folder out.") from error
    if not (folder / SUMMARY).is_file():
        reason = " ".join(read_failure(folder / FAILURE).message.split())
        return Entry(settings, seed, folder=folder, reason=printable(reason))
    summary = read_summary(folder / SUMMARY)
    return Entry(
        settings,
        summary.seed,
        summary.final,
        summary.parameters,
        summary.seconds["train"],
        folder,
        met=summary.met,
        multiply_adds=summary.multiply_adds,
    )


def packed_entries(path: Path) -> dict[str, Entry]:
    """The trials in a pack, by name; raises DataError where it is damaged."""
    file = PackFile(path)
    folder = path.parent
    try:
        kinds = [_kind(kind, path) for kind in file.words["kinds"]]
        each = zip(
            file.names(), file.seeds(), file.finals(), file.met(), map(kinds.__getitem__, file.kinds()), strict=True
        )
        return {
            name: Entry(settings, seed, final, parameters, seconds, folder / name, "", met, multiply_adds)
            for name, seed, final, met, (settings, parameters, multiply_adds, seconds) in each
        }
    except UNREADABLE as error:
        raise DataError(f"{path} is not a readable pack of trials: {error}", "Leave it out.") from error


def _kind(words: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], int, int, float]:
    """Settings, parameters, multiply-adds and seconds of trials that differ only in their seed."""
    summary = Written(words["summary"], path)
    settings = settings_of(tomllib.loads("0".join(words["scenario"])))
    seconds = summary.part("seconds").number("train")
    return settings, summary.whole("parameters"), summary.whole("multiply_adds"), seconds


def settings_of(tree: Mapping[str, Any]) -> dict[str, Any]:
    """What a scenario's document sets, by dotted key, without what is no setting of the network."""
    return dict(_flat({name: section for name, section in tree.items() if name not in _ASIDE}, ""))


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    entries: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        entries = value.items()
    elif isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        entries = enumerate(value)
    else:
        yield key, value
    for name, entry in entries:
        own = printable(str(name))
        yield from _flat(entry, f"{key}.{own}" if key else own)
