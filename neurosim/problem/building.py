"""The network of a scenario, for the shape of its data: it must fit the rows and the targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurosim.data import Prepared
from neurosim.errors import ScenarioError, ShapeError
from neurosim.network.layers import Shape, Stack, Weighted
from neurosim.network.network import Network
from neurosim.network.network_section import NetworkSection
from neurosim.scenario import Scenario
from neurosim.suggestions import named, unknown

# Classes that a hint names.
MOST_CLASSES = 12
# Their targets are 0 and 1, or between them.
_BINARY_LOSSES = ("binary_cross_entropy", "hinge", "perceptron")


def build_network(scenario: Scenario, data: Prepared) -> Network:
    """The network of a scenario for the shape of its data.

    Raises
    ------
    ShapeError
        When layers do not fit each other, the data, or the loss; it names the layer in the network,
        and its place in the file where that is another one.
    ScenarioError
        When the loss does not fit the targets.
    """
    stack = Stack(_input_shape(scenario.network, data))
    section = scenario.network
    if section.class_weights is not None:
        section = section.with_class_weights(class_weights(scenario, data))
    try:
        network = section.build(stack)
        _check_outputs(network, data)
        _check_binary_targets(scenario, data)
    except ShapeError as error:
        place = stack.place
        raise ShapeError(f"{scenario.place(place.path)}: {error.message}{place.remark}", error.hint) from error
    except ScenarioError as error:
        raise ScenarioError(f"{scenario.place('network.loss')}: {error.message}", error.hint) from error
    return network


def _input_shape(section: NetworkSection, data: Prepared) -> Shape:
    """Rows are vectors unless the first layer that cares works on images; gray images get a channel."""
    if not data.image_shape or section.rows != "map":
        return (data.inputs,)
    if section.layers[0].any_axes or len(data.image_shape) == 3:
        return data.image_shape
    return (*data.image_shape, 1)


def _check_outputs(network: Network, data: Prepared) -> None:
    """Raise unless the last layer and the loss fit the targets."""
    outputs, loss = network.outputs, network.loss.record
    last = network.layers[-1]
    unit = "unit" if isinstance(last, Weighted) and last.width == outputs else "output"
    has = f"network.{last.name} has {outputs} {unit}{'s' * (outputs != 1)}"
    if not data.classes:
        if loss.targets == "classes":
            raise ScenarioError(
                f"network.loss: {loss.name} tells classes apart, but the targets of this data set are values",
                "Use a loss on values, such as mse.",
            )
        width, each = int(data.train.targets.shape[1]), loss.outputs_per_target
        if outputs != width * each:
            needs = f"it needs {width * each}"
            needs += f", as {loss.name} takes {each} outputs for each target" if each > 1 else ""
            values = f"{width} value{'s' * (width != 1 or each == 1)}"
            raise ShapeError(f"{has}, but the targets have {values}: {needs}")
        return
    if loss.outputs_per_target > 1:
        raise ScenarioError(
            f"network.loss: {loss.name} is for targets that are values, but this data set has classes",
            "Use a loss on classes, such as categorical_cross_entropy.",
        )
    count = len(data.classes)
    if loss.targets == "classes" and outputs != count:
        raise ShapeError(
            f"{has}, but the data set has {count} classes: {loss.name} needs one unit per class", _classes_there(data)
        )
    if loss.targets == "values" and outputs != count and not (outputs == 1 and count == 2):
        wanted = "1 or 2" if count == 2 else str(count)
        raise ShapeError(f"{has}, but the data set has {count} classes: it needs {wanted}", _classes_there(data))


def _check_binary_targets(scenario: Scenario, data: Prepared) -> None:
    """Raise where a loss for targets from 0 to 1 is given values beyond these."""
    entry = scenario.network.loss.entry
    if data.classes or data.train.is_outline or not any(entry.is_builtin(name) for name in _BINARY_LOSSES):
        return
    low, high = float(data.train.targets.min()), float(data.train.targets.max())
    if low < 0.0 or high > 1.0:
        standardized = data.scales_targets
        what = "standardized targets go" if standardized else "the targets of this data set go"
        raise ScenarioError(
            f"network.loss: {entry.name} is for targets from 0 to 1, and {what} from {low:g} to {high:g}",
            "Set data.standardize_targets = false." if standardized else "Use a loss on values, such as mse.",
        )


def class_weights(scenario: Scenario, data: Prepared) -> list[float]:
    """The weight of each class, in order; raises ScenarioError where these are other classes."""
    given = scenario.network.class_weights
    place = f"{scenario.place('network.class_weights')}: network.class_weights"
    if not data.classes:
        raise ScenarioError(f"{place}: the targets of this data set are values, not classes", "Leave it out.")
    if given == "balanced":
        return _balanced(data)
    if isinstance(given, Mapping):
        strange = next((name for name in given if name not in data.classes), None)
        if strange is not None:
            message, hint = unknown("class", strange, data.classes)
            raise ScenarioError(f"{place}: {message}", hint)
        return [float(given.get(name, 1.0)) for name in data.classes]
    weights = list(given or ())
    if len(weights) != len(data.classes):
        raise ScenarioError(f"{place}: {len(weights)} weights for {len(data.classes)} classes", _classes_there(data))
    return weights


def _balanced(data: Prepared) -> list[float]:
    """Weights with which all classes count the same in the loss of the training rows, and its mean weight is 1."""
    train = data.train
    if train.is_outline:
        return [1.0] * len(data.classes)
    counts = np.bincount(train.targets, train.weights if train.weights.size else None, len(data.classes))
    there = counts > 0
    return np.where(there, counts.sum() / (there.sum() * np.where(there, counts, 1.0)), 1.0).tolist()  # type: ignore[no-any-return]


def _classes_there(data: Prepared) -> str:
    """The classes with how often they are there, since a misspelled label makes one more."""
    counts = np.bincount(data.train.targets, minlength=len(data.classes)).tolist()
    counted = [f'"{named(name)}" ({count:,})' for name, count in zip(data.classes, counts, strict=True)]
    more = f" and {len(counted) - MOST_CLASSES} more" if len(counted) > MOST_CLASSES else ""
    rare = [name for name, count in zip(data.classes, counts, strict=True) if count == 1 and max(counts) >= 10]
    slip = f' Is "{named(rare[0])}", which only one row has, misspelled?' if rare else ""
    return f"The classes, with their training rows: {', '.join(counted[:MOST_CLASSES])}{more}.{slip}"
