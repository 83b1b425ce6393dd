"""Diseases of the data: of inputs, targets and classes, and of the order of the rows."""

from __future__ import annotations

import math

import numpy as np

from neurosim.diagnosis.evidence import Evidence
from neurosim.diagnosis.finding import Bars, Finding, Remedy
from neurosim.diagnosis.measured import LEARNED, rare_share
from neurosim.diagnosis.suspicion import Suspicion
from neurosim.diagnosis.words import number

LARGE, UNEVEN, MANY, TINY = 10.0, 100.0, 100, 0.01
# Standard deviations above chance at which something else is likely, and certain, to be at work.
LIKELY, CERTAIN = 2.0, 3.0
SORTED, RARE = 0.8, 4.0


def unscaled_inputs(evidence: Evidence) -> Suspicion | None:
    """Inputs that are large, or that differ greatly in size."""
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
        f"{name} is {number(sizes[largest], 3)} in size (root mean square); weighted sums are then far outside the "
        "range for which activations and initial weights are made."
        if is_large
        else f"The largest input, {name}, is {number(uneven, 3)} times the size of the smallest: one learning rate "
        "cannot suit the weights of both."
    )
    shown = np.argsort(-sizes)[:20]
    finding = Finding(
        "unscaled_inputs",
        "Inputs are not scaled",
        words,
        f"size of {name}" if is_large else "largest input, relative to the smallest",
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
        "inputs of size 1, and a loss that falls from the first epochs on",
    )
    return Suspicion(finding, (_scaling(evidence),))


def _scaling(evidence: Evidence) -> Remedy:
    """Each input scaled on its own, or other numbers if the scenario scales all of them alike."""
    now = evidence.scenario.data.normalize
    if now is None:
        return ("data.standardize=true",)
    mean, deviation = evidence.all_inputs
    return (f"data.normalize={{ mean = {now.mean + now.std * mean:.3g}, std = {max(now.std * deviation, 1e-9):.3g} }}",)


def unscaled_targets(evidence: Evidence) -> Suspicion | None:
    """Targets so large, or so small, that outputs and steps do not reach them."""
    found = evidence.targets
    if found is None or not evidence.poor or (found.spread >= TINY and found.size <= LARGE):
        return None
    large = found.size > LARGE
    words = (
        f"The targets range from {number(found.low, 3)} to {number(found.high, 3)}, and a new network answers "
        "with numbers around 0. The loss and its gradients start out huge: either they throw the weights far off, or "
        "small steps take very long to get there."
        if large
        else f"The targets differ by only about {number(found.spread, 1)}: to a new network they all look the same, "
        "and the gradients are too small to learn from."
    )
    finding = Finding(
        "unscaled_targets",
        "Targets are not scaled",
        words,
        "size of the targets (root mean square)" if large else "spread of the targets (standard deviation)",
        found.size if large else found.spread,
        LARGE if large else TINY,
        "Bishop 1995, Neural Networks for Pattern Recognition, section 8.2: targets of about size 1, as inputs; the "
        "limit is ours",
        Bars(
            "The targets as the network is trained on them",
            ("smallest", "largest", "size", "spread"),
            (found.low, found.high, found.size, found.spread),
        ),
        "a loss that starts around 1 and falls",
    )
    return Suspicion(
        finding,
        (("data.standardize_targets=true",),),
        advice="Scale the targets in the table to mean 0 and standard deviation 1, for example in thousands.",
    )


def shuffled_labels(evidence: Evidence) -> Suspicion | None:
    """Classes that have nothing to do with the inputs."""
    found, kept = evidence.neighbors, evidence.kept_apart
    if found is None or found.deviations >= LIKELY:
        return None
    if kept is not None and evidence.classes:
        chance = 1 - 1 / evidence.classes
        spread = math.sqrt(max(found.chance * (1 - found.chance), 1e-12) / kept[2])
        if kept[1] > found.chance + CERTAIN * spread + 0.1 * chance:
            return None
    finding = Finding(
        "shuffled_labels",
        "Labels look shuffled",
        f"Of the rows nearest to a training row, {found.agreement:.1%} have its class; if classes were assigned at "
        f"random, it would be {found.chance:.1%}. The inputs say nothing about the labels: a network can memorize "
        "the rows, and nothing else.",
        "agreement of neighbors above chance, in standard deviations",
        found.deviations,
        LIKELY,
        "Cover and Hart 1967 on nearest neighbors; Zhang et al. 2017 (arXiv:1611.03530) on networks that learn "
        "shuffled labels",
        Bars("Neighbors of the same class", ("here", "by chance"), (found.agreement, found.chance)),
        "however well the training rows are learned, accuracy on held-out rows stays at chance",
    )
    return Suspicion(
        finding,
        advice="No setting cures this. Look at some rows and their labels: was one column sorted without the others, "
        "or is what determines the label missing from the inputs?",
    )


def sorted_rows(evidence: Evidence) -> Suspicion | None:
    """Rows that come class by class, in every epoch."""
    found = evidence.order
    if found is None or found < SORTED:
        return None
    kind = "class" if evidence.classes else "target"
    finding = Finding(
        "sorted_rows",
        "Rows are sorted and not shuffled",
        f"Rows of the same {kind} follow one another in every epoch. For many steps in a row the network sees only one "
        f"{kind}, learns to give that answer, and forgets the others.",
        f"how well the {kind} of a row predicts that of the next (0: no better than chance, 1: perfectly)",
        found,
        SORTED,
        "Bengio 2012 (arXiv:1206.5533), section 2.1: rows in random order; the limit is ours",
        Bars(f"How well the {kind} of a row predicts that of the next", ("here", "shuffled"), (found, 0.0), SORTED),
        "a loss that falls from epoch to epoch",
    )
    return Suspicion(finding, (("training.shuffle=true",),), confirm=True, note=not evidence.poor)


def class_imbalance(evidence: Evidence) -> Suspicion | None:
    """A class so rare that learning it does not pay off."""
    counts = evidence.counts
    if counts is None:
        return None
    sizes = counts.sum(axis=1)
    there = sizes[sizes > 0]
    if there.size < 2 or there.max() < RARE * there.min() or rare_share(counts) >= LEARNED:
        return None
    names = evidence.class_names
    rarest = int(np.where(sizes > 0, sizes, sizes.max() + 1).argmin())
    largest = int(sizes.argmax())
    finding = Finding(
        "class_imbalance",
        "One class is rare and is not learned",
        f"There are {sizes[largest]:,} training rows of {names[largest]} and only {sizes[rarest]:,} of "
        f"{names[rarest]}; of these, {rare_share(counts):.0%} are recognized. A network that always answers "
        f"{names[largest]} is right for {sizes[largest] / sizes.sum():.0%} of the rows: its accuracy looks good "
        "and means little.",
        "largest class, relative to the rarest",
        float(there.max() / there.min()),
        RARE,
        "He and Garcia 2009, Learning from Imbalanced Data; the limit is ours",
        Bars("Training rows of each class", names, tuple(float(size) for size in sizes)),
        f"more rows of {names[rarest]} that are recognized, even if the accuracy hardly changes",
    )
    epochs = evidence.scenario.training.epochs
    return Suspicion(
        finding,
        (*((f"training.epochs={factor * epochs}",) for factor in (4, 16)),),
        rates=True,
        goal="rare_class",
        advice=f"{_weighing(evidence, names[rarest], names[largest])}What helps most is in the table: more rows of "
        f"{names[rarest]}. Judge the network by the confusion matrix, not by its accuracy.",
    )


def _weighing(evidence: Evidence, rarest: str, largest: str) -> str:
    """What weights of classes would do, where there are none."""
    if evidence.scenario.network.class_weights is not None:
        return ""
    return (
        f'With network.class_weights = "balanced", more rows of {rarest} are recognized, and more of {largest} taken '
        "for it. "
    )
