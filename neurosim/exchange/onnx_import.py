"""An ONNX file becomes a folder with a scenario and a model, which are used as those of a run.

A file that `neurosim export` wrote has a description of its network in its metadata. If the graph is, node by node,
what is written for that network, the model is restored as it was. Any other graph is read operator by operator.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import NeurosimError, PluginError, UsageError
from neurosim.exchange.onnx_chain import Chain
from neurosim.exchange.onnx_file import DESCRIPTION, INPUTS, Scaling, network_graph
from neurosim.exchange.onnx_graph import Array, Graph, Node
from neurosim.exchange.onnx_reading import Read, read_onnx, refused
from neurosim.exchange.onnx_walk import layers_of
from neurosim.files.atomic import make_folder, write_atomically
from neurosim.network.network import Network
from neurosim.plugin.host import Registry, build_registry
from neurosim.printable import headline
from neurosim.runs.identity import Identity, determining, plugin_records
from neurosim.runs.model import FORMAT, MODEL, sealed_model
from neurosim.runs.prediction import MOST_WORDS, described_model, described_network
from neurosim.scenario import Scenario, load_scenario
from neurosim.version import __version__

Words = dict[str, Any]
# Not the name that the scenario of a run has: the folder is none, and cannot be resumed.
SCENARIO = "network.toml"
# How a network is trained on where its file does not say it.
_OPTIMIZER = {"name": "adam", "lr": 0.001}
_TRAINING = {"epochs": 10, "batch_size": 32}


@dataclass(frozen=True)
class Imported:
    """What has been made of a file.

    Attributes
    ----------
    files : tuple of Path
        The scenario and the model.
    network : Network
        The network.
    exact : bool
        Whether the file is one of neurosim's own, so that nothing about the model is lost.
    """

    files: tuple[Path, Path]
    network: Network
    exact: bool


def import_onnx(path: Path | str, out: Path | str, *, registry: Registry | None = None) -> Imported:
    """Make a scenario and a model of an ONNX file, in a new folder.

    Nothing but the file is read, and nothing in it is executed.

    Parameters
    ----------
    path : path
        The file, of a network whose layers follow each other, or are added to what skips them.
    out : path
        The folder, which must be empty or not there.
    registry : Registry, optional
        What there is; the built-ins and the installed plugins by default.

    Raises
    ------
    UsageError
        When the file cannot be imported, naming the node that is not understood, or the folder is not empty.
    DataError
        When a file cannot be read or written.
    PluginError
        When a plugin that it needs is not there.
    """
    file, folder = Path(path), Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already", "Choose another folder.")
    known = registry if registry is not None else build_registry()
    read = read_onnx(file)
    own = _own(read, known)
    if own is not None:
        arrays, words = own
        scenario = _own_scenario(file, read, words, known)
    else:
        # Numbers that float32 does not hold are refused with the other arrays.
        with np.errstate(all="ignore"):
            arrays, words, scenario = _foreign(file, read, known)
    try:
        network = described_model(file, arrays, words, known).network
    except PluginError:
        raise
    except NeurosimError as error:
        raise refused(f"its layers make no network: {error.message.removeprefix(f'{file}').lstrip(': ')}") from error
    files = folder / SCENARIO, folder / MODEL
    make_folder(folder)
    write_atomically(files[0], scenario.to_toml())
    write_atomically(files[1], sealed_model(arrays, words))
    return Imported(files, network, own is not None)


# Files of our own -------------------------------------------------------------------------------------------


def _own(read: Read, registry: Registry) -> tuple[dict[str, Array], Words] | None:
    """The arrays and the description of a model, if the graph is what is written for it; else None."""
    text = read.facts.get(DESCRIPTION, "")
    if not text or len(text) > MOST_WORDS:
        return None
    try:
        words = json.loads(text)
        if words["format"] != FORMAT:
            return None
        network, _ = described_network(words, registry)
        arrays = {
            entry.name: _as_here(read.arrays[entry.name], entry.shape)
            for entry in (*network.parameters, *network.statistics)
        }
        Identity.from_json(words["identity"])
        scaling = Scaling.described(words)
        graph = network_graph(network, arrays, scaling)
    except (NeurosimError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        # What is wrong with the graph itself will be said when it is read.
        return None
    return (arrays, words) if _is_same(graph, read, scaling.shape(network)) else None


def _as_here(array: Array, shape: Sequence[int]) -> Array:
    return array.transpose(2, 3, 1, 0) if len(shape) == 4 else array.reshape(shape)


def _is_same(graph: Graph, read: Read, shape: tuple[int, ...]) -> bool:
    if (read.given, read.shape, read.outputs) != (INPUTS, tuple(shape), tuple(graph.outputs)):
        return False
    if list(map(_comparable, graph.nodes)) != list(map(_comparable, read.nodes)):
        return False
    return all(
        name in read.arrays
        and read.arrays[name].dtype == array.dtype
        and np.array_equal(read.arrays[name], array, equal_nan=array.dtype.kind == "f")
        for name, array in graph.arrays.items()
    )


def _comparable(node: Node) -> tuple[Any, ...]:
    def value(given: Any) -> Any:
        return (
            float(np.float32(given)) if isinstance(given, float) else tuple(given) if isinstance(given, list) else given
        )

    attributes = sorted((name, repr(value(given))) for name, given in node.attributes.items())
    return node.kind, node.inputs, node.outputs, attributes


def _own_scenario(file: Path, read: Read, words: Words, registry: Registry) -> Scenario:
    """The scenario that the model was trained with, as far as its file says; the rows are not in it."""
    title = read.facts.get("title", "")
    try:
        tree = tomllib.loads(words["identity"]["scenario"])
        sections = {name: tree[name] for name in ("data", "network", "optimizer", "training")}
        sections["scenario"] = _about(file, title, tree["scenario"].get("seed", 0))
        return load_scenario(sections, registry=registry)
    except (NeurosimError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return _scenario(file, words, registry, title)


# Other files ------------------------------------------------------------------------------------------------


def _foreign(file: Path, read: Read, registry: Registry) -> tuple[dict[str, Array], Words, Scenario]:
    chain, given, result = layers_of(read)
    arrays = {f"layers.{name}": array for name, array in chain.arrays.items()}
    loss, classes = _answers(chain, result.size, read.listed("classes"))
    features, targets = read.listed("features"), read.listed("targets")
    scale = 1.0 if chain.scale is None else chain.scale.tolist()
    shift = 0.0 if chain.shift is None else chain.shift.tolist()
    count = 0 if classes else result.size
    words: Words = {
        "format": FORMAT,
        "input_shape": list(given.shape),
        "network": {"loss": {"name": loss}, "layers": chain.tables},
        "input": {"scale": scale, "shift": shift, "features": list(features) if len(features) == given.size else []},
        "target": {
            "scale": [1.0] * count,
            "shift": [0.0] * count,
            "names": list(targets) if len(targets) == (1 if classes else result.size) else [],
        },
        "classes": list(classes),
    }
    try:
        scenario = _scenario(file, words, registry, "")
    except NeurosimError as error:
        raise refused(f"its layers make no network: {error.message}") from error
    words["network"] = scenario.network.without_start_values().model_dump(mode="json", exclude_none=True)
    identity = Identity(
        determining(scenario), {}, plugin_records(scenario), {"neurosim": __version__}, {"backend": "onnx"}
    )
    return arrays, {**words, "identity": identity.as_json()}, scenario


def _answers(chain: Chain, outputs: int, named: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """A loss that goes with the outputs, and the classes, if these are probabilities of some."""
    activation = chain.tables[-1].get("activation")
    count = max(outputs, 2)
    names = named if len(named) == count else tuple(map(str, range(count)))
    if activation == "softmax" and outputs > 1:
        return "categorical_cross_entropy", names
    if activation == "sigmoid" and outputs == 1:
        return "binary_cross_entropy", names
    return "mse", ()


def _about(file: Path, title: str, seed: int = 0) -> Mapping[str, Any]:
    return {"name": "imported", "title": headline(title or f"The network of {file.name}"), "seed": seed}


def _scenario(file: Path, words: Words, registry: Registry, title: str) -> Scenario:
    """A scenario for a network whose rows are not known."""
    shape, classes = words["input_shape"], words["classes"]
    data = {
        "source": "placeholder",
        "shape": shape,
        "rows": 1,
        "classes": len(classes),
        "values": max(len(words["target"]["scale"]), 1),
        "what": headline(f"the rows of {file.name}"),
    }
    sections = {"scenario": _about(file, title), "data": data, "network": words["network"]}
    return load_scenario({**sections, "optimizer": _OPTIMIZER, "training": _TRAINING}, registry=registry)
