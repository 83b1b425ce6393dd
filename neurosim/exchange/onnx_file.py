"""A network as a file of ONNX's: raw rows go in, scaled by the graph, and what the network answers comes out.

Inputs are scaled in float64, as neurosim does it: float32 would lose digits of values such as years.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.data.making import MadeInputs, made_of
from neurosim.errors import UsageError
from neurosim.exchange.onnx_graph import DOUBLE, FLOAT, Array, Graph
from neurosim.exchange.onnx_inputs import write_inputs
from neurosim.exchange.onnx_layers import Writer, write_layers
from neurosim.exchange.refusals import refusal
from neurosim.formulas.operators import Tensor
from neurosim.network.network import Network
from neurosim.runs.model import described
from neurosim.training.simulator import Simulator

INPUTS, OUTPUTS, VALUES = "inputs", "outputs", "values"
# The metadata from which an import makes the same model again.
DESCRIPTION = "neurosim"


def check_onnx() -> None:
    """Raise UsageError where the library is not installed."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "ONNX files need a library that is not installed", 'pip install "neurosim-edu[onnx]"'
        ) from error


def onnx_files(simulator: Simulator) -> dict[str, bytes]:
    """The file of a simulator's network as it is now, by its ending."""
    check_onnx()
    words = described(simulator)
    arrays = {**simulator.parameters, **simulator.statistics}
    network = simulator.network
    missing = [
        f"the activation {layer.activation.name}, which is not a formula"
        for layer in network.activated
        if not layer.activation.record.is_compiled
    ]
    if missing:
        raise refusal("ONNX", missing)
    scaling = Scaling.described(words)
    graph = network_graph(network, arrays, scaling)
    scenario = simulator.scenario.scenario
    facts = {"title": scenario.headline}
    for name, listed in (
        ("classes", words["classes"]),
        ("features", words["input"]["features"]),
        ("targets", words["target"]["names"]),
    ):
        if listed:
            facts[name] = json.dumps(listed, ensure_ascii=False)
    facts |= _scaling_in_words(words) | {DESCRIPTION: json.dumps(words)}
    about = scenario.headline
    return {".onnx": graph.message({INPUTS: scaling.shape(network)}, facts, about)}


def _scaling_in_words(words: Mapping[str, Any]) -> dict[str, str]:
    """What the graph does to raw rows, and to outputs where those are values of another scale."""
    found = {}
    given, target = words["input"], words["target"]
    if "made" in given:
        found["inputs"] = f"the graph makes its inputs of the features: {', '.join(given['made']['inputs'])}"
    if np.any(np.not_equal(given["scale"], 1)) or np.any(given["shift"]):
        found["scaling"] = (
            f"the graph scales its inputs: raw * scale + shift, scale {given['scale']}, shift {given['shift']}"
        )
    if np.any(np.not_equal(target["scale"], 1)) or np.any(target["shift"]):
        found["target scaling"] = "values are (outputs - shift) / scale, in the units of the data"
    return found


@dataclass(frozen=True)
class Scaling:
    """How raw rows become inputs, and outputs become values; float64, one number or one for each.

    Attributes
    ----------
    scale, shift : array
        Inputs are ``raw * scale + shift``.
    target_scale, target_shift : array
        Outputs are ``value * target_scale + target_shift``; empty where there are classes.
    made : MadeInputs or None
        What is made of raw rows before they are scaled.
    """

    scale: Array
    shift: Array
    target_scale: Array
    target_shift: Array
    made: MadeInputs | None = None

    @classmethod
    def described(cls, words: Mapping[str, Any]) -> Scaling:
        """The scaling that the description in a model file has."""
        given, target = words["input"], words["target"]
        scale, shift, target_scale, target_shift = (
            np.asarray(part[key], np.float64) for part in (given, target) for key in ("scale", "shift")
        )
        made = made_of(given.get("made"), tuple(given["features"]))
        return cls(scale, shift, target_scale, target_shift, made)

    def shape(self, network: Network) -> tuple[int, ...]:
        """The shape of a raw row."""
        return network.input_shape if self.made is None else (self.made.count,)

    @property
    def changes_inputs(self) -> bool:
        """Whether inputs are anything but the raw rows."""
        return bool(self.made is not None or (self.scale != 1).any() or self.shift.any())

    @property
    def changes_targets(self) -> bool:
        """Whether the outputs are anything but values."""
        return bool((self.target_scale != 1).any() or self.target_shift.any())


def network_graph(network: Network, arrays: Mapping[str, Array], scaling: Scaling) -> Graph:
    """The graph of a network with these parameters and statistics.

    Raises
    ------
    UsageError
        For layers that ONNX does not have.
    PluginError
        For formulas that cannot be written as its operators, naming file and line.
    """
    graph = Graph(outputs={OUTPUTS: (network.outputs,)})
    single = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
    writer = Writer(single, graph, Tensor(INPUTS), network.input_shape)
    if scaling.changes_inputs:
        if scaling.made is not None:
            graph.scope = "inputs"
            writer.x = write_inputs(graph, scaling.made, writer.x)
        graph.scope = "scaling"
        _double(
            writer,
            ("Mul", "scale", _shaped(scaling.scale, network.input_shape)),
            ("Add", "shift", _shaped(scaling.shift, network.input_shape)),
        )
    write_layers(writer, network.layers)
    graph.scope = OUTPUTS
    if len(writer.shape) > 1:
        writer.channels_last()
        writer.add("Flatten", axis=1)
    if not graph.nodes or graph.nodes[-1].outputs != (writer.x.name,):
        writer.add("Identity")
    graph.rename_last(OUTPUTS)
    if scaling.changes_targets:
        _values(writer, network, scaling)
    return graph


def _values(writer: Writer, network: Network, scaling: Scaling) -> None:
    """The outputs in the units of the data, as a second output of the graph."""
    graph, writer.x = writer.graph, Tensor(OUTPUTS)
    graph.scope = VALUES
    if network.answers < network.outputs:
        bounds = {"first": 0, "behind": network.answers, "axis": 1}
        writer.add(
            "Slice", *(graph.array(f"{VALUES}.{name}", np.array([value], np.int64)) for name, value in bounds.items())
        )
    _double(writer, ("Sub", "target shift", scaling.target_shift), ("Div", "target scale", scaling.target_scale))
    graph.rename_last(VALUES)
    graph.outputs[VALUES] = (network.answers,)


def _double(writer: Writer, *steps: tuple[str, str, Array]) -> None:
    """Arithmetic in float64."""
    writer.add("Cast", to=DOUBLE)
    for kind, name, numbers in steps:
        writer.add(kind, writer.graph.array(name, numbers))
    writer.add("Cast", to=FLOAT)


def _shaped(numbers: Array, shape: Sequence[int]) -> Array:
    """One number for all, or one for each input of a map."""
    return numbers.reshape(shape) if numbers.size == math.prod(shape) and numbers.ndim else numbers
