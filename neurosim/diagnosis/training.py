"""Diseases of the whole run: the learning rate, the data, and what was made of them."""

from __future__ import annotations

import math

import numpy as np

from neurosim.diagnosis import remedies
from neurosim.diagnosis.evidence import LEARNT, Evidence
from neurosim.diagnosis.finding import Bars, Finding, Lines

FAST, SLOW, STAYED, HALF = 0.1, 1e-3, 0.25, 0.5
GAP, LOSSES, CERTAIN = 0.1, 3.0, 3.0
COLLAPSED = 0.6
LARGE, UNEVEN, MANY = 10.0, 100.0, 100
RATIO = "Stanford CS231n, notes on neural networks 3: about 1/1000 of the weights in each step is usual"


def unscaled_inputs(evidence: Evidence) -> Finding | None:
    """Inputs that are large, or that differ much in size."""
    sizes = evidence.inputs
    there = sizes[sizes > 0]
    if not there.size:
        return None
    largest = int(sizes.argmax())
    uneven = float(there.max() / there.min()) if len(sizes) < MANY else 1.0
    if sizes[largest] <= LARGE and uneven <= UNEVEN:
        return None
    name = evidence.input_names[largest]
    is_large = sizes[largest] > LARGE
    words = (
        f"{name} is {sizes[largest]:.3g} in size (root mean square); weighted sums are then far outside the range "
        "that activations and start weights are made for."
        if is_large
        else f"The largest input, {name}, is {uneven:.3g} times the size of the smallest: one learning rate cannot "
        "suit the weights of both."
    )
    shown = np.argsort(-sizes)[:20]
    return Finding(
        "unscaled_inputs",
        "Inputs are not scaled",
        words,
        f"size of {name}" if is_large else "largest input, beside the smallest",
        float(sizes[largest]) if is_large else uneven,
        LARGE if is_large else UNEVEN,
        "LeCun, Bottou, Orr and Müller 1998, Efficient BackProp, section 4.3: inputs with mean 0 and variance 1; the "
        "limit is ours",
        Bars(
            "Size of the inputs as the network gets them",
            tuple(evidence.input_names[k] for k in shown),
            tuple(float(sizes[k]) for k in shown),
            LARGE if is_large else None,
            logarithmic=True,
        ),
        ("data.standardize=true",),
        "inputs of size 1, and a loss that falls from the first epochs on",
    )


def shuffled_labels(evidence: Evidence) -> Finding | None:
    """Classes that have nothing to do with the inputs."""
    found, kept = evidence.neighbours, evidence.kept_apart
    if found is None or found.deviations >= CERTAIN:
        return None
    if kept is not None and evidence.classes:
        chance = 1 - 1 / evidence.classes
        spread = math.sqrt(max(found.chance * (1 - found.chance), 1e-12) / kept[2])
        if kept[1] > found.chance + CERTAIN * spread + 0.1 * chance:
            return None
    epochs = max(4 * evidence.scenario.training.epochs, 1)
    cure = (f"training.epochs={epochs}",) if kept is not None else ("data.test_fraction=0.3",)
    return Finding(
        "shuffled_labels",
        "Labels look shuffled",
        f"Of the rows that lie nearest to a training row {found.agreement:.1%} have its class; with classes dealt out "
        f"at random it would be {found.chance:.1%}. The inputs say nothing about the labels: a "
        "network can learn the rows by heart, and nothing else.",
        "agreement of neighbours above chance, in standard deviations",
        found.deviations,
        CERTAIN,
        "Cover and Hart 1967 on nearest neighbours; Zhang et al. 2017 (arXiv:1611.03530) on networks that learn "
        "shuffled labels",
        Bars("Neighbours of the same class", ("here", "by chance"), (found.agreement, found.chance)),
        cure,
        "however well the training rows are learnt, the rows kept apart stay at chance",
    )


def rate_too_high(evidence: Evidence) -> Finding | None:
    """Steps that are long beside the weights, of a run that has failed or learnt little."""
    ratio = evidence.largest_update
    if not (evidence.failure or (evidence.poor and ratio > FAST)):
        return None
    words = f"{evidence.failure[:1].upper()}{evidence.failure[1:]}. " if evidence.failure else ""
    layer = max(evidence.update_ratio, key=lambda name: evidence.update_ratio[name], default="")
    if math.isfinite(ratio):
        words += f"Over the first steps the weights of {layer} moved by {ratio:.2g} of their length in each."
    else:
        words += "Training left the finite numbers within its first steps."
    return Finding(
        "rate_too_high",
        "The learning rate is too high",
        words,
        "move of the weights in a step, beside their length",
        ratio,
        FAST,
        f"{RATIO}; a hundred times that is our limit. Bengio 2012 (arXiv:1206.5533), section 3.1.1, on rates that "
        "make the loss grow",
        _loss(evidence),
        remedies.slower(evidence.scenario, ratio),
        "a loss that falls from epoch to epoch",
    )


def rate_too_low(evidence: Evidence) -> Finding | None:
    """Weights that have hardly left their start, of a run that has learnt little."""
    ratio = evidence.largest_update
    distance = max(evidence.distance.values(), default=math.inf)
    if evidence.failure or ratio >= SLOW or distance >= STAYED:
        return None
    if evidence.losses is None or evidence.losses[1] < HALF * evidence.losses[0]:
        return None
    return Finding(
        "rate_too_low",
        "The learning rate is too low",
        f"The weights moved by {ratio:.2g} of their length in a step at the start, and by {distance:.2g} in the whole "
        "run: training ended where it had hardly begun.",
        "move of the weights in a step, beside their length",
        ratio,
        SLOW,
        RATIO,
        _loss(evidence),
        remedies.faster(evidence.scenario, ratio),
        "a loss that falls further in as many epochs",
    )


def overfitting(evidence: Evidence) -> Finding | None:
    """Rows that were learnt by heart."""
    kept = evidence.kept_apart
    if kept is None or evidence.skill is None or evidence.skill < LEARNT:
        return None
    learnt, other, rows = kept
    if evidence.classes:
        spread = math.sqrt(max(other * (1 - other), 1e-4) / rows)
        number, limit, measure = learnt - other, GAP, "accuracy lost on rows kept apart"
        found = number >= GAP and number >= CERTAIN * spread
        words = f"{learnt:.1%} of the training rows are answered rightly, of the rows kept apart {other:.1%}."
    else:
        number, limit, measure = other / max(learnt, 1e-30), LOSSES, "loss on rows kept apart, beside the training loss"
        found = number >= LOSSES
        words = f"The loss is {learnt:.3g} on the training rows and {other:.3g} on the rows kept apart."
    if not found:
        return None
    losses = [value for value in _kept_losses(evidence) if value is not None]
    best = int(np.argmin(losses)) + 1 if losses else 0
    again = 0 < best < len(losses)
    return Finding(
        "overfitting",
        "Overfitting",
        f"{words} The network has learnt what is particular to its training rows."
        + (f" On the rows kept apart it was best after epoch {best}." if again else ""),
        measure,
        number,
        limit,
        "Goodfellow, Bengio and Courville 2016, section 5.2; Prechelt 1998 on when to stop. That 10 points of "
        "accuracy, or three times the loss, are too much is our limit",
        _loss(evidence, best if again else None),
        (f"training.epochs={best}",) if again else _penalty(evidence),
        "a smaller gap, and a loss on rows kept apart that is no larger",
    )


def class_collapse(evidence: Evidence) -> Finding | None:
    """A network that gives the same few answers whatever it is asked."""
    counts = evidence.counts
    if counts is None or not evidence.poor:
        return None
    there, answered = _effective(counts.sum(axis=1)), _effective(counts.sum(axis=0))
    if there < 1.5 or answered / there >= COLLAPSED:
        return None
    answers = counts.sum(axis=0) / counts.sum()
    names = tuple(str(k) for k in range(len(answers)))
    return Finding(
        "class_collapse",
        "The answers have collapsed",
        f"{answers.max():.0%} of the training rows get the same answer (class {int(answers.argmax())}, counted from "
        f"0): the answers are worth {answered:.2g} classes, the data have {there:.2g}.",
        "classes answered, beside the classes of the data (exponential of the entropy)",
        answered / there,
        COLLAPSED,
        "Hill 1973 on the effective number of classes; the limit is ours",
        Bars("Share of the answers that each class gets", names, tuple(float(share) for share in answers)),
        (remedies.slower if evidence.largest_update > SLOW else remedies.faster)(
            evidence.scenario, evidence.largest_update
        ),
        "answers of all classes",
    )


def _effective(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _penalty(evidence: Evidence) -> tuple[str, ...]:
    return tuple(f"{path}.l2=0.01" for path, _ in remedies.hidden(evidence.scenario))


def _kept_losses(evidence: Evidence) -> list[float | None]:
    history = evidence.history
    validation: list[float | None] = history.validation_loss
    return validation if any(value is not None for value in validation) else history.test_loss


def _loss(evidence: Evidence, mark: int | None = None) -> Lines:
    history = evidence.history
    lines = {"train loss": tuple(history.train_loss)}
    if any(value is not None for value in _kept_losses(evidence)):
        lines["loss on rows kept apart"] = tuple(_kept_losses(evidence))
    return Lines("Loss over the epochs", tuple(history.epoch), lines, mark)
