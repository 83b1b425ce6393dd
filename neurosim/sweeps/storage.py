"""How trials are kept: each in a folder of its own, made whole or not at all, or many of them in a pack."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.files.array_files import UNREADABLE
from neurosim.files.atomic import TEMPORARY, cannot_write, make_folder, synced_at_the_end, write_atomically
from neurosim.runs.expectations import Expectation
from neurosim.runs.folder import FAILURE, METRICS, SCENARIO, SUMMARY, metrics_line, portable, provenance
from neurosim.runs.identity import Identity
from neurosim.runs.model import MODEL, described, sealed_model
from neurosim.runs.results import Result
from neurosim.scenario import Scenario
from neurosim.sweeps.packs import BYTES, PARAMETERS, PackFile, around_seed, packs_in
from neurosim.training.history import Record

# So many trials that are trained side by side are kept in a pack; fewer are handier as folders.
WORTH_A_PACK = 16
_NAME = re.compile(f"[0-9a-f]{{{2 * BYTES}}}")


def has_ended(folder: Path) -> bool:
    """Whether the folder has a trial that was trained, or that diverged."""
    return (folder / SCENARIO).is_file() and ((folder / SUMMARY).is_file() or (folder / FAILURE).is_file())


def this_machine() -> str:
    """A short name for this machine, without dots and hyphens: several may write to one folder."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


@contextlib.contextmanager
def whole(place: Path) -> Iterator[Path]:
    """A temporary folder that gets its name at the end, unless another process has made the same trial meanwhile."""
    owner = f"{os.getpid()}-{this_machine()}"
    path = place.with_name(f".{place.name}.{owner}-{os.urandom(4).hex()}{TEMPORARY}")
    try:
        yield path
        try:
            path.rename(place)
        except OSError as error:
            if not has_ended(place):
                raise cannot_write(place, error) from error
    finally:
        shutil.rmtree(path, ignore_errors=True)


def in_common(scenario: Scenario, result: Result, identity: Identity) -> dict[str, Any] | None:
    """What the description of a pack says of trials that differ only in their seed, of which one has this result.

    `identity` and `scenario` have `NO_SEED` for their seed. None where a summary has more of a trial than is in a pack:
    measures of several targets.
    """
    text, own = around_seed(portable(scenario).to_toml()), around_seed(identity.scenario)
    simulator = result.simulator
    if text is None or own is None or scenario.table is not None or len(simulator.data.target_scale) > 1:
        return None
    model = described(simulator, identity)
    del model["identity"]
    return {
        "scenario": text,
        "identity": {**identity.as_json(), "scenario": own},
        "summary": {**result.as_json(), "files_sha256": {}, "identity": None, **provenance(scenario)},
        "model": model,
    }


def of_settings(settings: Sequence[Record]) -> dict[str, Any]:
    """Settings of all epochs by key: the value, or the values where these differ."""
    columns = {key: [record[key] for record in settings] for key in settings[0]}
    return {key: values[0] if len(set(values)) == 1 else values for key, values in columns.items()}


def met_by(scenario: Scenario, finals: Mapping[str, NDArray[np.float64]], count: int) -> NDArray[np.uint8] | None:
    """Whether each of some trials met what is expected of it; None where that is nothing."""
    if not scenario.expect:
        return None
    met = np.ones(count, bool)
    for name, bound in scenario.expect.items():
        for number, value in enumerate(finals[name].tolist() if name in finals else [None] * count):
            met[number] &= Expectation(name, bound.at_least, bound.at_most, value).met
    return met.astype(np.uint8)


def unpacked(path: Path) -> Path:
    """The folder of a trial; if that is in a pack beside it, it is made first.

    Raises
    ------
    DataError
        When the pack is damaged, or the folder cannot be written.
    """
    if _NAME.fullmatch(path.name) and not path.exists():
        for place in packs_in(path.parent):
            file = PackFile(place)
            names = file.names()
            if path.name in names:
                _unpack(file, names.index(path.name), path)
                break
    return path


def _unpack(file: PackFile, number: int, place: Path) -> None:
    """Write the folder of a trial as `neurosim.sweeps.worker` writes that of one that was trained alone."""
    try:
        words = {**file.words, **file.words["kinds"][file.kinds()[number]]}
        seed = file.seeds()[number]
        scenario = str(seed).join(words["scenario"])
        identity = {**words["identity"], "scenario": str(seed).join(words["identity"]["scenario"])}
        metrics = "".join(map(metrics_line, _records(file, words, number)))
        parameters, arrays, begin = file.array(PARAMETERS)[number], {}, 0
        for name, shape in words["layout"]:
            end = begin + int(np.prod(shape))
            arrays[name] = parameters[begin:end].reshape(shape)
            begin = end
        model = sealed_model(arrays, {**words["model"], "identity": identity})
        final = list(file.finals())[number]
        promises = [
            {**promise, "value": final.get(promise["name"]), "met": Expectation(
                promise["name"], promise.get("at_least"), promise.get("at_most"), final.get(promise["name"])
            ).met}
            for promise in words["summary"]["expectations"]
        ]  # fmt: skip
        digests = {METRICS: _sha256(metrics.encode()), MODEL: _sha256(model)}
        summary = {
            **words["summary"],
            "seed": seed,
            "final": final,
            "expectations": promises,
            "run_dir": str(place),
            "files_sha256": digests,
            "identity": identity,
        }
        files: dict[str, str | bytes] = {
            SCENARIO: scenario,
            METRICS: metrics,
            MODEL: model,
            SUMMARY: json.dumps(summary, indent=2, allow_nan=False) + "\n",
        }
    except UNREADABLE as error:
        raise file.damaged(f"{type(error).__name__}: {error}") from error
    with whole(place) as path:
        make_folder(path)
        with synced_at_the_end(path):
            for name, content in files.items():
                write_atomically(path / name, content)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _records(file: PackFile, words: Mapping[str, Any], number: int) -> Iterator[Record]:
    epochs = int(words["epochs"])
    columns: dict[str, list[Any]] = {name: [None] * epochs for name in words["measures"]}
    for name in words["measures"]:
        split, _, kind = name.partition("_")
        of = f"epochs.{split}_{'correct' if kind == 'accuracy' else 'loss'}"
        if of in file.array_names:
            values = file.array(of)[number].astype(np.float64)
            columns[name] = (values / words["rows"][split] if kind == "accuracy" else values).tolist()
    settings = {
        key: values if isinstance(values, list) else [values] * epochs for key, values in words["settings"].items()
    }
    for epoch in range(epochs):
        yield {
            "epoch": epoch + 1,
            **{name: values[epoch] for name, values in columns.items()},
            **{key: values[epoch] for key, values in settings.items()},
            "seconds": words["seconds"],
        }
