"""What a diagnosis is based on: measured at the start of a run, at its end, and on its data.

The start is recreated from the scenario and its seed, which give the same weights; the end is the model that the run
has left. So there is evidence for every run, whatever it has recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.diagnosis.measured import LEARNED, kept_split, skill, total_steps
from neurosim.diagnosis.rows import (
    Neighbors,
    OutputRange,
    Targets,
    input_sizes,
    neighbors,
    order,
    output_range,
    target_sizes,
)
from neurosim.errors import DivergedError
from neurosim.scenario import Scenario
from neurosim.training.history import History
from neurosim.training.recording.slopes import layer_regions
from neurosim.training.simulator import Simulator
from neurosim.training.workbench import Measures

STEPS = 10
PROBED = 1000
REACH = 29.0
_QUANTITIES = ("gradient_norm", "weight_norm", "dead", "saturated")
Shares = dict[str, float]


@dataclass(frozen=True)
class LayerState:
    """The layers of a network at one time, by name; a layer that lacks a quantity is missing from it.

    Attributes
    ----------
    gradients, weights : dict of str to float
        Length of the gradient and of the weights of each layer with weights, from the input to the output.
    dead : dict of str to float
        Share of dead units of each hidden layer.
    saturated : dict of str to float
        Share of saturated activations of each hidden layer whose function is flat at both ends, such as tanh.
    """

    gradients: Shares
    weights: Shares
    dead: Shares
    saturated: Shares


@dataclass(frozen=True)
class Evidence:
    """Everything that is known about a run.

    Attributes
    ----------
    scenario : Scenario
        The scenario that was run.
    seed : int
        The seed it was run with.
    history : History
        The epochs.
    failure : str
        Why training failed; empty if it finished.
    start, end : LayerState
        The layers before and after training; the end is None for a run that failed.
    update_ratio : dict of str to float
        How far each layer's weights moved in a step, relative to their length: mean over the first steps.
    distance : dict of str to float
        How far they moved in total, relative to their initial length; empty if training failed.
    alike : dict of str to (int, int)
        For each hidden layer, how many of its units differ from one another at the start, and how many there are.
    inputs : float64 (features,)
        Root mean square of each input, as the network gets it.
    all_inputs : (float, float)
        Mean and standard deviation of all inputs together.
    input_names : tuple of str
        Names of the inputs.
    targets : Targets or None
        How large the targets are; None if they are classes.
    order : float or None
        How well the target of a row predicts that of the next one in training: 0 no better than chance, 1 perfectly;
        None if it does not matter.
    output : OutputRange
        The range of the output activation.
    steps : (int, int)
        Steps in an epoch, and in the whole training.
    class_names : tuple of str
        Names of the classes.
    counts : uint32 (classes, classes), or None
        Training rows of each class (down), by the class that the trained network takes them for (across).
    neighbors : Neighbors or None
        Whether the classes have anything to do with the inputs; None if there are too few rows to tell.
    kept_apart : tuple of (float, float, int), or None
        Accuracy on the training rows and on the held-out rows, and how many of the latter there are; for regression,
        the losses. None if no rows were held out, or training failed.
    losses : tuple of (float, float), or None
        Mean loss on the training rows before and after training; None if training failed.
    skill : float or None
        How much of what there is to learn was learned from the training rows: 0 is what a constant answer gives, 1 is
        no error; None if training failed.
    """

    scenario: Scenario
    seed: int
    history: History
    failure: str
    start: LayerState
    end: LayerState | None
    update_ratio: Shares
    distance: Shares
    alike: dict[str, tuple[int, int]]
    inputs: NDArray[np.float64]
    all_inputs: tuple[float, float]
    input_names: tuple[str, ...]
    targets: Targets | None
    order: float | None
    output: OutputRange
    steps: tuple[int, int]
    class_names: tuple[str, ...]
    counts: NDArray[np.uint32] | None
    neighbors: Neighbors | None
    kept_apart: tuple[float, float, int] | None
    losses: tuple[float, float] | None
    skill: float | None

    @property
    def poor(self) -> bool:
        """Whether less than half of what there is to learn was learned, the loss has not fallen, or training failed."""
        if self.skill is None or self.losses is None:
            return True
        before, after = self.losses
        # A loss of 0 cannot fall.
        return not (self.skill >= LEARNED and (after < before or after == 0))

    @property
    def largest_update(self) -> float:
        """The update ratio of the layer whose weights move fastest; 0 if nothing was trained."""
        return max(self.update_ratio.values(), default=0.0)

    @property
    def classes(self) -> int:
        """How many classes there are; 0 for regression."""
        return 0 if self.counts is None else len(self.counts)


def collect(fresh: Simulator, trained: Simulator | None, failure: str = "", history: History | None = None) -> Evidence:
    """Measure what a diagnosis needs.

    Parameters
    ----------
    fresh : Simulator
        A simulator of the scenario, not trained yet; it gets trained for some steps.
    trained : Simulator or None
        The trained network; None if training failed.
    failure : str
        Why it failed.
    history : History, optional
        The epochs of a run that failed.
    """
    before = fresh.parameters
    start, alike = _state(fresh), _alike(fresh)
    (inputs, all_inputs), near, begun = input_sizes(fresh), neighbors(fresh), _loss(fresh)
    ratio = _update_ratio(fresh, before)
    counts = None if trained is None else trained.confusion("train")
    learned = {} if trained is None else trained.evaluate("train")
    return Evidence(
        fresh.scenario,
        fresh.seed,
        trained.history if trained is not None else history or History(),
        failure,
        start,
        None if trained is None else _state(trained),
        ratio,
        {} if trained is None else _moved(before, trained.parameters),
        alike,
        inputs,
        all_inputs,
        fresh.data.feature_labels or tuple(f"input {k + 1}" for k in range(len(inputs))),
        target_sizes(fresh),
        order(fresh),
        output_range(fresh),
        (fresh.steps_per_epoch, total_steps(fresh)),
        _class_names(fresh),
        counts,
        near,
        None if trained is None else _kept_apart(trained, learned),
        None if trained is None else (begun, float(learned["loss"] or 0.0)),
        None if trained is None else skill(trained, counts),
    )


def _state(simulator: Simulator) -> LayerState:
    found = simulator.measure_layers(_QUANTITIES)
    states = [
        {
            name: float(value)
            for name, value in zip(found.layers, found.values[quantity][0], strict=True)
            if not np.isnan(value)
        }
        for quantity in _QUANTITIES
    ]
    gradients, weights, dead, saturated = states
    both = _flat_at_both_ends(simulator)
    return LayerState(gradients, weights, dead, {name: share for name, share in saturated.items() if name in both})


def _flat_at_both_ends(simulator: Simulator) -> set[str]:
    """Hidden layers that can saturate; a ReLU that is off does not count."""
    found = set()
    for layer in simulator.network.activated:
        regions = layer_regions(layer, simulator.parameters)
        if regions is not None and regions[1](np.array([-REACH, REACH])).all():
            found.add(layer.name)
    return found


def _update_ratio(simulator: Simulator, before: dict[str, NDArray[Any]]) -> Shares:
    """Over the first steps, or all of them if there are fewer."""
    steps = min(STEPS, total_steps(simulator))
    if not steps:
        return {}
    try:
        simulator.train_to(steps)
    except DivergedError:
        return {name: float("inf") for name in _moved(before, before)}
    return {name: share / steps for name, share in _moved(before, simulator.parameters).items()}


def _moved(before: dict[str, NDArray[Any]], after: dict[str, NDArray[Any]]) -> Shares:
    """Length of the change of each weight, relative to its length; weights that were all 0 are left out."""
    found = {}
    for name, weight in before.items():
        length = float(np.linalg.norm(weight.astype(np.float64)))
        if name.endswith(".weight") and length > 0:
            change = after[name].astype(np.float64) - weight
            found[name.removesuffix(".weight")] = float(np.linalg.norm(change)) / length
    return found


def _alike(simulator: Simulator) -> dict[str, tuple[int, int]]:
    """Two units with the same weights and the same gradients are the same, and stay the same."""
    network, rows = simulator.network, simulator.split_rows("train").some(slice(0, PROBED))
    targets = rows.classes if network.loss.record.targets == "classes" else rows.values
    weights = rows.weights if rows.weights.size else None
    _, gradients = simulator.gradients(rows.inputs(np.float32), targets, weights)
    parameters = simulator.parameters
    found = {}
    for layer in network.weighted:
        if layer.name == network.layers[-1].name:
            continue
        name = f"{layer.name}.weight"
        weight, gradient = (array[name].reshape(-1, array[name].shape[-1]) for array in (parameters, gradients))
        # Where a following batch norm makes a gradient 0, rounding is left of it.
        scale = float(np.abs(gradient).max()) or 1.0
        both = np.vstack([weight, np.round(gradient / scale, 5)])
        if both.shape[1] > 1:
            found[layer.name] = (len(np.unique(both, axis=1).T), both.shape[1])
    return found


def _kept_apart(simulator: Simulator, train: Measures) -> tuple[float, float, int] | None:
    split = kept_split(simulator)
    if split is None:
        return None
    measure = "loss" if train["accuracy"] is None else "accuracy"
    learned, other = (float(found[measure] or 0.0) for found in (train, simulator.evaluate(split)))
    return learned, other, simulator.split_rows(split).count


def _class_names(simulator: Simulator) -> tuple[str, ...]:
    """With the word "class" before names that are numbers, such as those of digits."""
    return tuple(f"class {name}" if name[:1].isdigit() else name for name in simulator.data.class_labels)


def _loss(simulator: Simulator) -> float:
    return float(simulator.evaluate("train")["loss"] or 0.0)
