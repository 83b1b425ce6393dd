"""A trained network from its file alone: no scenario, no training data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.select import make_backend
from neurosim.data.columns import column_of
from neurosim.data.making import MadeInputs, made_of
from neurosim.errors import DataError, NeurosimError
from neurosim.network.layers import Stack, choose
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.plugin.columns import Column, input_names
from neurosim.plugin.host import BUILTIN, Plugin, Registry, build_registry, needed_again
from neurosim.printable import quoted
from neurosim.runs.answering import Model
from neurosim.runs.belonging import PLUGINS, Changes, file_changes, identity_in_model, model_changes, trained_with
from neurosim.runs.folder import MEMBERS, SCENARIO, SUMMARY, train_again
from neurosim.runs.identity import PluginRecord, plugin_changes
from neurosim.runs.model import MODEL, read_model
from neurosim.runs.run_files import read_object
from neurosim.scenario.run_folders import likely_run, named_run, no_run
from neurosim.scenario.stored_network import read_network

# Largest model file that is read, in bytes: it may come from anyone.
LARGEST = 1 << 32
# Of the description in it. It has no more than about 60 bytes for each input and 300 for each layer.
MOST_WORDS = 1 << 24
# Axes of a row, and numbers in it.
INPUT_AXES = (1, 2, 3)
MOST_INPUTS = 1 << 22


def load_model(
    path: Path | str,
    *,
    backend: str = "cpu",
    threads: int | None = None,
    registry: Registry | None = None,
    force: bool = False,
) -> Model:
    """Read the network of a finished run: its ``model.safetensors``, or the run folder.

    Nothing in the file is executed: it names formulas, which the built-ins and the plugins of `registry` must have.
    It may come from anyone: of its description at most 16 MiB are read, and of the whole file 4 GiB.

    Parameters
    ----------
    path : path
        The file or the folder; "last" is the newest run.
    backend : {"cpu", "cuda", "reference"}
        Where to compute.
    threads : int, optional
        Threads of the CPU backend.
    registry : Registry, optional
        What there is; the built-ins and the installed plugins by default.
    force : bool
        Take it even if a plugin has changed since the training, or if it is not the model of the run whose folder it is
        in; `Model.mixed` then says so.

    Raises
    ------
    DataError
        When the file is missing, damaged, or not a model of neurosim.
    PluginError
        When a plugin that it needs is not there.
    UsageError
        When a plugin has changed, or the model is that of another run than the summary beside it.
    """
    file = named_run(path)
    if file.is_dir():
        file = _in_folder(file)
    elif file.suffix == ".toml" or not (file.exists() or file.suffix):
        raise no_run(file)
    elif not file.exists():
        raise DataError(f"{file}: no such file", likely_run(file))
    tensors, words = read_model(file, MOST_WORDS, LARGEST)
    known = registry if registry is not None else build_registry()
    found = described_model(file, tensors, words, known)
    network = found.network
    since = _changes(file, words, found.plugins)
    since.refuse(force=force)
    sgd = choose(known.optimizers.get(f"{BUILTIN}:sgd"))
    training = Training(sgd, batch_size=1, shuffle=False, epochs=1)
    ready = make_backend(backend, network, training, 0, threads)
    ready.parameters[:] = network.flat({entry.name: tensors[entry.name] for entry in network.parameters}, ready.dtype)
    statistics = {entry.name: tensors[entry.name] for entry in network.statistics}
    ready.statistics[:] = network.flat_statistics(statistics, ready.dtype)
    return Model(
        file,
        network,
        found.classes,
        found.features,
        found.scale,
        found.shift,
        found.targets,
        found.target_scale,
        found.target_shift,
        ready,
        since.remark,
        found.columns,
        found.image_shape,
        found.made,
    )


class Described(NamedTuple):
    """What a model file says, checked: see `Model`; and the plugins that its formulas are from."""

    network: Network
    plugins: list[Plugin]
    classes: tuple[str, ...]
    features: tuple[str, ...]
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]
    targets: tuple[str, ...]
    target_scale: NDArray[np.float64]
    target_shift: NDArray[np.float64]
    columns: tuple[Column, ...]
    image_shape: tuple[int, ...]
    made: MadeInputs | None


def described_model(
    file: Path, tensors: Mapping[str, NDArray[Any]], words: Mapping[str, Any], known: Registry
) -> Described:
    """What the description of a model is, if the arrays are those of its network; raises as `load_model`."""
    try:
        network, plugins = described_network(words, known)
        classes, features = _names(words["classes"]), _names(words["input"]["features"])
        made = made_of(words["input"].get("made"), features)
        if made is not None and len(made.texts) != network.inputs:
            raise ValueError(f"it makes {len(made.texts)} inputs for {network.inputs} inputs of the network")
        _check(network, tensors, classes, features if made is None else made.texts)
        scale, shift = (_numbers(words["input"][key], network.inputs) for key in ("scale", "shift"))
        target = words["target"]
        targets = _names(target["names"])
        count = 0 if classes else network.answers
        target_scale, target_shift = (_numbers(target[key], count) for key in ("scale", "shift"))
        _check_targets(network, classes, targets, target_scale)
        columns = _columns(words["input"].get("columns", []), features)
        image_shape = _image_shape(words["input"].get("image_shape", []), network)
        return Described(
            network,
            plugins,
            classes,
            features,
            scale,
            shift,
            targets,
            target_scale,
            target_shift,
            columns,
            image_shape,
            made,
        )
    except NeurosimError as error:
        raise type(error)(f"{file}: {error.message}", _lacking(words, known) or error.hint) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        fault = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"{file} does not describe a network: {fault}", "It was not written by neurosim: train the network again."
        ) from error


def described_network(words: Mapping[str, Any], registry: Registry) -> tuple[Network, list[Plugin]]:
    """The network that a model file describes, and the plugins that its formulas are from.

    The file may come from anyone: its section is checked as a scenario's is, and built by the same code.
    """
    shape = tuple(words["input_shape"])
    whole = all(type(size) is int and size > 0 for size in shape)
    if len(shape) not in INPUT_AXES or not whole or math.prod(shape) > MOST_INPUTS:
        raise ValueError(f"input_shape is {shape!r}")
    section = read_network(words["network"], registry)
    used = dict.fromkeys(entry.plugin for entry in section.entries)
    return section.build(Stack(shape)), [plugin for plugin in used if plugin.name != BUILTIN]


def _lacking(words: Mapping[str, Any], known: Registry) -> str:
    """A hint at plugins that the network was trained with and that are not loaded; nothing where there are none."""
    try:
        trained = [(str(entry["name"]), str(entry["version"])) for entry in words["identity"]["plugins"]]
    except (KeyError, TypeError):  # of a damaged description
        return ""
    return needed_again(trained, known.plugins)


def _in_folder(folder: Path) -> Path:
    """The model in a run folder; raises DataError where there is none, with the reason."""
    if not (folder / MODEL).is_file():
        if not (folder / SCENARIO).is_file():
            raise no_run(folder)
        from neurosim.runs.reading import check_folder

        check_folder(folder)
        members = sorted(path.parent for path in (folder / MEMBERS).rglob(MODEL))
        if members:
            raise DataError(f"{folder} is a study of several networks", f"Name one of them, such as {members[0]}.")
        if (folder / MEMBERS).is_dir():
            raise DataError(
                f"every network of the study in {folder} diverged",
                f"neurosim doctor {quoted(folder)}  says why, as far as can be told.",
            )
        raise DataError(f"{folder / MODEL} is missing", f"Bring it back, or train again:  {train_again(folder)}")
    return folder / MODEL


def _names(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError("its names are not text")
    return tuple(found)


def _numbers(found: Any, count: int) -> NDArray[np.float64]:
    numbers = np.asarray(found, np.float64)
    if numbers.shape not in ((), (count,)) or not np.isfinite(numbers).all():
        raise ValueError("its inputs or targets are not scaled by finite numbers, one for each")
    # Bytes times a number of another kind would be cut.
    return numbers if numbers.ndim else np.full(count, float(numbers))


def _check(
    network: Network, tensors: Mapping[str, NDArray[Any]], classes: tuple[str, ...], features: tuple[str, ...]
) -> None:
    """The weights must be those of the network, before anything of its size is made."""
    wanted = {entry.name: entry.shape for entry in (*network.parameters, *network.statistics)}
    found = {name: array.shape for name, array in tensors.items()}
    for name in {**wanted, **found}:
        if wanted.get(name) != found.get(name):
            raise ValueError(f"{name} has the shape {found.get(name)} and the network needs {wanted.get(name)}")
        if tensors[name].dtype != np.float32 or not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} is not of finite float32 numbers")
    # One output is above or below a threshold.
    if classes and len(classes) != max(network.outputs, 2):
        raise ValueError(f"it names {len(classes)} classes for {network.outputs} outputs")
    if features and len(features) != network.inputs:
        raise ValueError(f"it names {len(features)} features for {network.inputs} inputs")


def _check_targets(
    network: Network, classes: tuple[str, ...], targets: tuple[str, ...], scale: NDArray[np.float64]
) -> None:
    if (scale == 0.0).any():
        raise ValueError("it scales its targets by 0")
    if targets and len(targets) != (1 if classes else network.answers):
        raise ValueError(f"it names {len(targets)} targets for {network.answers} outputs")


def _columns(found: Any, features: tuple[str, ...]) -> tuple[Column, ...]:
    if not isinstance(found, list):
        raise ValueError("its columns are no list")
    columns = tuple(map(column_of, found))
    if columns and input_names(columns) != features:
        raise ValueError("its columns do not become its features")
    if any(column.fills and column.mean is None for column in columns):
        raise ValueError("a column has no mean")
    return columns


def _image_shape(found: Any, network: Network) -> tuple[int, ...]:
    if not isinstance(found, list) or not all(type(size) is int and size > 0 for size in found):
        raise ValueError(f"image_shape is {found!r}")
    if found and (len(found) not in (2, 3) or math.prod(found) != network.inputs):
        raise ValueError(f"it learned from images of {found}, and the network has {network.inputs} inputs")
    return tuple(found)


def _changes(file: Path, words: Mapping[str, Any], plugins: list[Plugin]) -> Changes:
    """Which plugins have changed since a model was trained, and whether it is that of the run whose folder it is in.

    A run whose summary could not be written has kept its model all the same.
    """
    identity = identity_in_model(words, file)
    was = {record.name: record for record in identity.plugins}
    now = [PluginRecord(plugin.name, plugin.version, plugin.sha256) for plugin in plugins]
    changed = plugin_changes([was[record.name] for record in now if record.name in was], now)
    in_run = file.name == MODEL and (file.parent / SUMMARY).is_file()
    found = Changes(file.parent if in_run else file, {PLUGINS: changed})
    if in_run:
        summary = trained_with(read_object(file.parent / SUMMARY))
        found |= model_changes(file.parent, summary, identity) or file_changes(file.parent, summary, MODEL)
    return found
