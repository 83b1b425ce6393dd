"""The pictures that a run may have: what each shows, which runs have it as a rule, and why another one has not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurosim.analysis.hidden import hidden_units, output_place
from neurosim.analysis.parameters import MOST
from neurosim.network.layers import Conv2d, Dense
from neurosim.scenario.study import PICTURES

if TYPE_CHECKING:  # what names a picture need not load a simulator
    from neurosim.training.simulator import Simulator

RECORDED = {
    "gradient_norm": "the length of the gradient of each layer",
    "weight_norm": "the length of the weights of each layer",
    "update_ratio": "how large each layer's update is beside its weights",
    "activation_mean": "the mean activation of each layer",
    "activation_std": "how much the activations of each layer differ",
    "dead": "the share of dead units in each layer",
    "saturated": "the share of saturated answers in each layer",
    "selectivity": "how far units answer to one class only",
    "activation_histogram": "how the activations of each layer are spread, over time",
    "weight_histogram": "how the weights of each layer are spread, over time",
}
# More units in a layer, layers or weights cannot be told apart in a diagram.
DIAGRAM_UNITS, DIAGRAM_LAYERS, DIAGRAM_WEIGHTS = 16, 6, 150
# More hidden units, inputs or classes, and a plane shows too little of the hidden space to be drawn unasked.
HIDDEN_UNITS, HIDDEN_INPUTS, HIDDEN_CLASSES = 16, 4, 4
# Paths with fewer points have no plane.
PATH = 3


# Why there is none where all that it needs is there.
NOTHING = {
    "worst_mistakes": "there is no wrong answer",
    "filters": "all kernels have one cell",
    "responses": "no convolution gets its maps straight from the images",
    "loss_surface": "the parameters have not moved",
}


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes
    ----------
    name : str
        Of the picture and its file.
    shows : str
        What is on it, for a list.
    lacks : function
        Why a run has no such picture and what would change that; empty where it has.
    usual : function
        Whether a run writes it when its scenario does not say.
    """

    name: str
    shows: str
    lacks: Callable[[Simulator], str]
    usual: Callable[[Simulator], bool]


def usual_pictures(simulator: Simulator) -> tuple[str, ...]:
    """The pictures that a run writes when its scenario does not say which."""
    return tuple(name for name in PICTURES if CATALOGUE[name].usual(simulator) and not CATALOGUE[name].lacks(simulator))


def lacking(simulator: Simulator, but: Collection[str] = ()) -> dict[str, str]:
    """For every picture that a run cannot have, why; of those in `but` something else is known."""
    reasons = {name: CATALOGUE[name].lacks(simulator) for name in PICTURES if name not in but}
    return {name: reason for name, reason in reasons.items() if reason}


def why_not(name: str, simulator: Simulator) -> str:
    """Why a picture was not drawn that was asked for."""
    return CATALOGUE[name].lacks(simulator) or NOTHING[name]


def how_to_record(quantity: str) -> str:
    """What to do so that a quantity is there."""
    asked = f'record.quantities=["{quantity}"]'
    return f"it was not recorded: add \"{quantity}\" to [record] quantities, or run with --set '{asked}'"


def shows_plane(simulator: Simulator) -> bool:
    """Whether the answers can be drawn over the plane of two inputs."""
    return simulator.network.inputs == 2 and bool(simulator.data.classes)


def shows_curve(simulator: Simulator) -> bool:
    """Whether the network is a function of one number, which can be drawn as a curve."""
    network = simulator.network
    return network.inputs == 1 and network.outputs == 1 and not simulator.data.classes


def shows_surface(simulator: Simulator) -> bool:
    """Whether the network is a function of two numbers, which can be drawn over their plane."""
    network = simulator.network
    return network.inputs == 2 and network.outputs == 1 and not simulator.data.classes


def has_images(simulator: Simulator) -> bool:
    """Whether the rows are images."""
    return len(simulator.data.image_shape) >= 2


def _convolutions(simulator: Simulator) -> list[Conv2d]:
    return [layer for layer in simulator.network.parts if isinstance(layer, Conv2d)]


def _inputs(simulator: Simulator) -> str:
    count = simulator.network.inputs
    return f"the network has {count} input{'s' * (count != 1)}"


def _no_epoch(simulator: Simulator) -> str:
    return "" if len(simulator.history) else "no epoch was trained"


def _no_plane(simulator: Simulator) -> str:
    if shows_plane(simulator):
        return ""
    if simulator.network.inputs != 2:
        return f"{_inputs(simulator)}; a boundary can be drawn for two"
    return "the data have no classes between which there is a boundary"


def _no_curve(simulator: Simulator) -> str:
    if shows_curve(simulator):
        return ""
    return f"{_inputs_and_outputs(simulator)}; a curve is drawn for one input and one output value"


def _no_fitted_surface(simulator: Simulator) -> str:
    if shows_surface(simulator):
        return ""
    return f"{_inputs_and_outputs(simulator)}; a surface is drawn for two inputs and one output value"


def _inputs_and_outputs(simulator: Simulator) -> str:
    outputs = simulator.network.outputs
    classes = "classes" if simulator.data.classes else f"{outputs} output{'s' * (outputs != 1)}"
    return f"{_inputs(simulator)} and {classes}"


def _no_unit_maps(simulator: Simulator) -> str:
    if simulator.network.inputs > 2:
        return f"{_inputs(simulator)}; what a unit answers can be drawn over one or two"
    if simulator.network.batch_norms:
        return "with batch normalization a unit's answer depends on the other rows of the batch"
    hidden = [layer for layer in simulator.network.layers[:-1] if isinstance(layer, Dense)]
    return "" if hidden else "the network has no hidden layer"


def no_hidden_space(simulator: Simulator) -> str:
    """Why the hidden space of a network cannot be drawn; empty where it can."""
    network = simulator.network
    if not simulator.data.classes:
        return _no_classes(simulator)
    if network.batch_norms:
        return "with batch normalization a unit's answer depends on the other rows of the batch"
    if output_place(network) is None:
        return "the network does not end with a dense layer, whose units divide the hidden space"
    return "" if hidden_units(network) else "the network has no hidden layer"


def small_hidden_space(simulator: Simulator) -> bool:
    """Whether there is a hidden space and a plane shows most of what there is to see in it."""
    network, classes = simulator.network, len(simulator.data.classes)
    few = network.inputs <= HIDDEN_INPUTS and classes <= HIDDEN_CLASSES
    return few and hidden_units(network) <= HIDDEN_UNITS and not no_hidden_space(simulator)


def _no_diagram(simulator: Simulator) -> str:
    layers = simulator.network.layers
    if not all(isinstance(layer, Dense) for layer in layers):
        return "the network has other than dense layers; diagrams are drawn for those alone"
    widths = [simulator.network.inputs, *(math.prod(layer.output_shape) for layer in layers)]
    weights = sum(one * other for one, other in itertools.pairwise(widths))
    if max(widths) > DIAGRAM_UNITS or len(layers) > DIAGRAM_LAYERS or weights > DIAGRAM_WEIGHTS:
        most = f"up to {DIAGRAM_UNITS} units a layer, {DIAGRAM_LAYERS} layers and {DIAGRAM_WEIGHTS} weights"
        return f"the network is too large to tell its weights apart; diagrams are drawn for {most}"
    return ""


def _no_paths(simulator: Simulator) -> str:
    recording, network = simulator.recording, simulator.network
    if network.size > MOST or not all(isinstance(layer, Dense) for layer in network.layers if layer.parameters):
        return f"the network has {network.size:,} parameters; lines of dense layers are drawn for up to {MOST}"
    if recording is None or not recording.parameters:
        return how_to_record("parameters")
    return "" if len(recording) > 1 else "no epoch was trained"


def _one_unit(simulator: Simulator) -> bool:
    return simulator.network.outputs == 1 and simulator.network.size <= simulator.network.inputs + 1


def _no_surface(simulator: Simulator) -> str:
    recording = simulator.recording
    if recording is None or not recording.parameters:
        return how_to_record("parameters")
    if len(recording) < PATH:
        words = f"the parameters were recorded {len(recording)} times, and a path needs {PATH}"
        return f"{words}: train longer, or record more often"
    return ""


def _no_classes(simulator: Simulator) -> str:
    return "" if simulator.data.classes else "the data have values to predict, not classes"


def _no_weight_images(simulator: Simulator) -> str:
    if not has_images(simulator):
        return "the inputs are no images"
    first = next((layer for layer in simulator.network.layers if layer.parameters), None)
    if isinstance(first, Dense) and first.inputs == simulator.network.inputs:
        return ""
    return "the first layer is not dense: see filters"


def _no_convolution(simulator: Simulator) -> str:
    return "" if _convolutions(simulator) else "the network has no convolutions"


def _not_recorded(quantity: str) -> Callable[[Simulator], str]:
    def lacks(simulator: Simulator) -> str:
        recording = simulator.recording
        if recording is None or quantity not in recording.quantities or not len(recording):
            return how_to_record(quantity)
        return "" if recording.layers_with(quantity) else "no layer of this network has it"

    return lacks


def _always(simulator: Simulator) -> bool:
    return True


def _asked(quantity: str) -> Callable[[Simulator], bool]:
    """Whether the scenario itself asks for it; what is recorded for the report is on the report."""

    def usual(simulator: Simulator) -> bool:
        given = simulator.scenario.given.record
        return given is not None and quantity in given.quantities

    return usual


def _on_demand(simulator: Simulator) -> bool:
    return False


def _many_classes(simulator: Simulator) -> bool:
    return len(simulator.data.classes) > 2


_PICTURES = [
    Picture("learning_curves", "loss over the epochs, and accuracy where there are classes", _no_epoch, _always),
    Picture("decision_boundary", "the answer over the plane of two inputs, with the data", _no_plane, _always),
    Picture("fitted_curve", "the learnt function of one input, with the data", _no_curve, _always),
    Picture("fitted_surface", "the learnt function of two inputs, with the data", _no_fitted_surface, _always),
    Picture("hidden_space", "where the last hidden layer puts the rows", no_hidden_space, small_hidden_space),
    Picture("unit_maps", "what each hidden unit answers over the inputs", _no_unit_maps, _on_demand),
    Picture("network_diagram", "units as circles, weights as lines of their width", _no_diagram, _on_demand),
    Picture("parameters", "every weight and bias over the epochs", _no_paths, _one_unit),
    Picture("loss_surface", "the loss on the plane of the optimizer's path", _no_surface, _on_demand),
    Picture("confusion_matrix", "which class is taken for which", _no_classes, _many_classes),
    Picture("worst_mistakes", "the wrong answers that were surest", _no_classes, has_images),
    Picture("first_layer_weights", "the weights of the first dense layer as images", _no_weight_images, _on_demand),
    Picture("filters", "the kernels of the convolutions", _no_convolution, _on_demand),
    Picture("feature_maps", "what the layers make of one image", _no_convolution, _on_demand),
    Picture("responses", "the parts of images that channels answer to most", _no_convolution, _always),
    *(Picture(name, shows, _not_recorded(name), _asked(name)) for name, shows in RECORDED.items()),
]
CATALOGUE = {picture.name: picture for picture in _PICTURES}
