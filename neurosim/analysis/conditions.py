"""Why a run cannot have a picture, and which runs draw one unasked.

The records in `neurosim.scenario.pictures` name these functions. The reasons are empty where nothing is missing.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from neurosim.analysis.output_layer import hidden_units, output_place
from neurosim.analysis.parameters import MOST
from neurosim.analysis.weights import first_dense
from neurosim.network.layers import Conv2d, Dense, as_kind, of_kind

if TYPE_CHECKING:  # what asks for a reason need not load a simulator
    from neurosim.training.simulator import Simulator

# A diagram with more units in a layer, more layers or more weights is a tangle.
DIAGRAM_UNITS, DIAGRAM_LAYERS, DIAGRAM_WEIGHTS = 16, 6, 150
# With more hidden units, inputs or classes, a plane shows too little of the hidden space to be drawn unasked.
HIDDEN_UNITS, HIDDEN_INPUTS, HIDDEN_CLASSES = 16, 4, 4
# Side by side, curves of more targets than this are too narrow to be read.
MOST_CURVES = 4
# It takes three points to span the plane of a path.
PATH = 3
_BATCH_NORMALIZATION = "with batch normalization, a unit's answer depends on the other rows of the batch"
_NO_HIDDEN_LAYER = "the network has no hidden layer"


def always(simulator: Simulator) -> bool:
    """Every run draws it."""
    return True


def shows_plane(simulator: Simulator) -> bool:
    """Whether the answers can be drawn over the plane of two inputs."""
    return simulator.data.raw_features == 2 and bool(simulator.data.classes)


def shows_curve(simulator: Simulator) -> bool:
    """Whether the network is a function of one number, which can be drawn as a curve."""
    return simulator.data.raw_features == 1 and _one_value(simulator)


def shows_surface(simulator: Simulator) -> bool:
    """Whether the network is a function of two numbers, which can be drawn over their plane."""
    return simulator.data.raw_features == 2 and _one_value(simulator)


def shows_inputs(simulator: Simulator) -> bool:
    """Whether the answers can be drawn over the inputs, in one of these ways."""
    return shows_plane(simulator) or shows_curve(simulator) or shows_surface(simulator)


def has_images(simulator: Simulator) -> bool:
    """Whether the rows are images."""
    return len(simulator.data.image_shape) >= 2


def many_classes(simulator: Simulator) -> bool:
    """Whether there are more than two classes."""
    return len(simulator.data.classes) > 2


def one_unit(simulator: Simulator) -> bool:
    """Whether the network is a single unit."""
    return simulator.network.outputs == 1 and simulator.network.size <= simulator.network.inputs + 1


def small_hidden_space(simulator: Simulator) -> bool:
    """Whether there is a hidden space, and a plane shows most of it."""
    network, classes = simulator.network, len(simulator.data.classes)
    few = network.inputs <= HIDDEN_INPUTS and classes <= HIDDEN_CLASSES
    return few and hidden_units(network) <= HIDDEN_UNITS and not no_hidden_space(simulator)


def no_epoch(simulator: Simulator) -> str:
    """Why there are no curves over the epochs."""
    return "" if len(simulator.history) else "no epoch was trained"


def no_plane(simulator: Simulator) -> str:
    """Why there is no boundary on the plane of two inputs."""
    if shows_plane(simulator):
        return ""
    if simulator.data.raw_features != 2:
        return f"{_inputs(simulator)}; a boundary can be drawn for two"
    return "the data have no classes, so there is no boundary between them"


def no_curve(simulator: Simulator) -> str:
    """Why there is no curve over one input."""
    one = simulator.data.raw_features == 1 and not simulator.data.classes
    if one and simulator.network.answers <= MOST_CURVES:
        return ""
    return f"{_inputs_and_outputs(simulator)}; curves are drawn for one input and up to {MOST_CURVES} output values"


def no_surface(simulator: Simulator) -> str:
    """Why there is no surface over two inputs."""
    if shows_surface(simulator):
        return ""
    return f"{_inputs_and_outputs(simulator)}; a surface is drawn for two inputs and one output value"


def no_drawn_inputs(simulator: Simulator) -> str:
    """Why there is nothing to be drawn over the inputs."""
    if shows_inputs(simulator):
        return ""
    return "its inputs cannot be drawn: that needs two inputs and classes, or one or two inputs and one output value"


def no_unit_maps(simulator: Simulator) -> str:
    """Why the units cannot be drawn over the inputs."""
    if simulator.data.raw_features > 2:
        return f"{_inputs(simulator)}; what a unit answers can be drawn over one or two"
    if simulator.network.batch_norms:
        return _BATCH_NORMALIZATION
    return "" if of_kind(simulator.network.layers[:-1], Dense) else _NO_HIDDEN_LAYER


def no_hidden_space(simulator: Simulator) -> str:
    """Why the hidden space cannot be drawn."""
    network = simulator.network
    if not simulator.data.classes:
        return no_classes(simulator)
    if network.batch_norms:
        return _BATCH_NORMALIZATION
    if output_place(network) is None:
        return "the network does not end with a dense layer whose units divide the hidden space by a fixed function"
    return "" if hidden_units(network) else _NO_HIDDEN_LAYER


def no_diagram(simulator: Simulator) -> str:
    """Why the network cannot be drawn as a diagram."""
    layers = simulator.network.layers
    if of_kind(layers, Dense) != layers:
        return "the network has layers that are not dense; diagrams are drawn for dense layers only"
    widths = [simulator.network.inputs, *(math.prod(layer.output_shape) for layer in layers)]
    weights = sum(one * other for one, other in itertools.pairwise(widths))
    if max(widths) > DIAGRAM_UNITS or len(layers) > DIAGRAM_LAYERS or weights > DIAGRAM_WEIGHTS:
        most = f"up to {DIAGRAM_UNITS} units a layer, {DIAGRAM_LAYERS} layers and {DIAGRAM_WEIGHTS} weights"
        return f"the network is too large to tell its weights apart; diagrams are drawn for {most}"
    return ""


def no_paths(simulator: Simulator) -> str:
    """Why the parameters cannot be drawn as lines over the epochs."""
    network = simulator.network
    dense_only = all(as_kind(layer, Dense) for layer in network.layers if layer.parameters)
    if network.size > MOST or not dense_only:
        return f"the network has {network.size:,} parameters; lines of dense layers are drawn for up to {MOST}"
    return "no epoch was trained" if _times(simulator) == 1 else ""


def short_path(simulator: Simulator) -> str:
    """Why the path of the parameters spans no plane."""
    times = _times(simulator)
    if not 0 < times < PATH:
        return ""
    often = "once" if times == 1 else f"{times} times"
    return f"the parameters were recorded only {often}, and a path needs {PATH}: train longer, or record more often"


def no_classes(simulator: Simulator) -> str:
    """Why there is nothing to be taken for a class."""
    return "" if simulator.data.classes else "the data have values to predict, not classes"


def no_weight_images(simulator: Simulator) -> str:
    """Why the weights of the first layer are no images."""
    if not has_images(simulator):
        return "the inputs are not images"
    return "" if first_dense(simulator.network) else "the first layer is not dense: see filters"


def no_convolution(simulator: Simulator) -> str:
    """Why there are no channels to look at."""
    convolutions = of_kind(simulator.network.parts, Conv2d)
    return "" if convolutions else "the network has no convolutions"


def _one_value(simulator: Simulator) -> bool:
    return simulator.network.answers == 1 and not simulator.data.classes


def _times(simulator: Simulator) -> int:
    """How many times the parameters were recorded."""
    recording = simulator.recording
    return len(recording) if recording is not None and recording.parameters else 0


def _inputs(simulator: Simulator) -> str:
    data = simulator.data
    count = data.raw_features
    where = "the network has" if data.made is None else "its inputs are made of"
    return f"{where} {count} {'input' if data.made is None else 'feature'}{'s' * (count != 1)}"


def _inputs_and_outputs(simulator: Simulator) -> str:
    outputs = simulator.network.outputs
    classes = "classes" if simulator.data.classes else f"{outputs} output{'s' * (outputs != 1)}"
    return f"{_inputs(simulator)} and {classes}"
