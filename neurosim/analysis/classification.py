"""Which classes a network takes for which, and the wrong answers it was surest of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator

MOST_MISTAKES = 24
BATCH = 10_000
# The outputs of these are probabilities.
PROBABILITIES = ("sigmoid", "softmax")


@dataclass(frozen=True)
class Mistake:
    """A wrong answer.

    Attributes
    ----------
    row : int
        Number of the row in its data set, from 0.
    right, answer : int
        Its class, and the class that it was taken for.
    sure, chance : float
        How strongly the network favored its answer, and the right class: probabilities if
        `Classification.probabilities` says so, otherwise outputs.
    features : float32 (features,)
        The row, as in the data set.
    """

    row: int
    right: int
    answer: int
    sure: float
    chance: float
    features: NDArray[np.float32]


@dataclass(frozen=True)
class Classification:
    """A network's answers on held-out rows, if there are any.

    Attributes
    ----------
    split : str
        Which rows: "test", or else "validation", or else "train".
    counts : int64 (classes, classes)
        Rows of each class (down), by the class they were taken for (across).
    classes : tuple of str
        Names of the classes.
    mistakes : tuple of Mistake
        The wrong answers that the network was surest of, surest first.
    probabilities : bool
        Whether the outputs are probabilities.
    image_shape : tuple of int
        (height, width) or (height, width, channels); empty if rows are not images.
    feature_names : tuple of str
        Names of the features, if they have any.
    """

    split: str
    counts: NDArray[np.int64]
    classes: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    probabilities: bool
    image_shape: tuple[int, ...]
    feature_names: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return float(np.trace(self.counts) / max(self.counts.sum(), 1))


def classification(simulator: Simulator) -> Classification | None:
    """The answers of a trained network on held-out rows; None if there are no classes."""
    data, network = simulator.data, simulator.network
    if not data.classes:
        return None
    name = simulator.judged_split
    split = getattr(data, name)
    strengths = np.concatenate(
        [_strengths(simulator, split.features[first : first + BATCH]) for first in range(0, len(split), BATCH)]
    )
    right = np.asarray(split.targets, np.int64)
    answers = strengths.argmax(axis=1)
    count = len(data.classes)
    counts = np.bincount(right * count + answers, minlength=count * count).reshape(count, count)
    wrong = np.flatnonzero(answers != right)
    sure = strengths[wrong, answers[wrong]]
    chosen = wrong[np.argsort(-sure, kind="stable")[:MOST_MISTAKES]]
    raw = data.to_raw(split.features[chosen].astype(np.float64) * data.scale + data.shift).astype(np.float32)
    mistakes = tuple(
        Mistake(
            int(split.rows[place]),
            int(right[place]),
            int(answers[place]),
            float(strengths[place, answers[place]]),
            float(strengths[place, right[place]]),
            features,
        )
        for place, features in zip(chosen, raw, strict=True)
    )
    activation = getattr(network.layers[-1], "activation", None)
    # A loss whose threshold is not one half does not take its output for a probability.
    halved = network.outputs > 1 or network.loss.record.threshold == 0.5
    probabilities = activation is not None and activation.name in PROBABILITIES and halved
    return Classification(
        name, counts, data.class_labels, mistakes, probabilities, tuple(data.image_shape), data.feature_labels
    )


def _strengths(simulator: Simulator, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """How strongly the network favors each class, (rows, classes); the largest number is its answer."""
    data = simulator.data
    outputs = simulator.forward(features.astype(np.float32) * np.float32(data.scale) + np.float32(data.shift))
    outputs = outputs.astype(np.float64)
    if outputs.shape[1] > 1:
        return outputs
    # A single output distinguishes two classes: at the threshold both are equally strong.
    threshold = simulator.network.loss.record.threshold
    both = np.hstack([2 * threshold - outputs, outputs])
    both[outputs[:, 0] == threshold, 0] += np.spacing(abs(threshold) + 1.0)
    return both
