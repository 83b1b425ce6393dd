"""Why a network may learn little although its layers are fine: held back, too small, too few steps, a bad start.

The evidence only raises a suspicion. It becomes a finding if the change that would fix it does help when tried.
"""

from __future__ import annotations

import math

from neurosim.diagnosis import remedies
from neurosim.diagnosis.curves import losses
from neurosim.diagnosis.evidence import Evidence
from neurosim.diagnosis.finding import Bars, Finding
from neurosim.diagnosis.suspicion import Suspicion
from neurosim.diagnosis.words import count, number
from neurosim.printable import command
from neurosim.scenario.augmentation import AugmentationSection

STRONG_PENALTY, STRONG_DROPOUT = 0.01, 0.5
STEPS, WIDTH = 200, 64
OTHER_SEEDS = 5
# From here on, a person has to look twice.
USUAL = {"shift": 0.15, "rotation": 30.0, "scale": 0.3, "shear": 30.0}


def strong_regularization(evidence: Evidence) -> Suspicion | None:
    """A penalty on weights, or a dropout rate, that leaves nothing to learn with."""
    if not evidence.poor:
        return None
    scenario = evidence.scenario
    prices = {p: max(layer.l1, layer.l2) for p, layer in remedies.layers(scenario) if layer.width_key}
    rates = {p: layer.rate for p, layer in remedies.layers(scenario) if hasattr(layer, "rate")}
    price, rate = max(prices.values(), default=0.0), max(rates.values(), default=0.0)
    if price <= STRONG_PENALTY and rate <= STRONG_DROPOUT:
        return None
    by_price, by_rate = (
        remedies.weaker_penalty(scenario, STRONG_PENALTY),
        remedies.weaker_dropout(scenario, STRONG_DROPOUT),
    )
    is_price = bool(by_price)
    held = (
        f"The penalty on large weights is {price:g}: keeping them near 0 pays off more than learning anything does."
        if is_price
        else f"Dropout switches off {rate:.0%} of its inputs in every step: too little of a row is left to learn from."
    )
    shown = prices if is_price else rates
    finding = Finding(
        "strong_regularization",
        "Regularization is too strong",
        held,
        "l1 or l2 of a layer" if is_price else "fraction of inputs that dropout switches off",
        price if is_price else rate,
        STRONG_PENALTY if is_price else STRONG_DROPOUT,
        "Goodfellow, Bengio and Courville 2016, section 7.1; the limit is ours"
        if is_price
        else "Srivastava et al. 2014: half of the hidden units, a fifth of the inputs",
        Bars(
            "l1 or l2 of each layer" if is_price else "Fraction that each dropout layer switches off",
            tuple(shown),
            tuple(shown.values()),
            STRONG_PENALTY if is_price else STRONG_DROPOUT,
            logarithmic=is_price,
        ),
        "a training loss that falls",
    )
    # Each on its own first: that is often enough.
    single = tuple(remedy for remedy in (by_price, by_rate) if remedy)
    both = ((*by_price, *by_rate),) if len(single) == 2 else ()
    return Suspicion(finding, (*single, *both), confirm=True)


def strong_augmentation(evidence: Evidence) -> Suspicion | None:
    """Images changed so much that what they show can hardly be recognized."""
    section = evidence.scenario.augmentation
    if not evidence.poor or section == AugmentationSection():
        return None
    side = math.sqrt(len(evidence.inputs))
    values = {key: float(getattr(section, key)) for key in USUAL}
    sizes = {key: value / (USUAL[key] * (side if key == "shift" else 1)) for key, value in values.items()}
    if section.elastic is not None:
        sizes["elastic"] = section.elastic.alpha / (10 * section.elastic.sigma)
    worst = max(sizes, key=lambda key: sizes[key])
    finding = Finding(
        "strong_augmentation",
        "Augmentation is too strong",
        "The training images are distorted so much, anew in every epoch, that what they show is lost: "
        f"{worst} is {number(sizes[worst])} times the usual amount.",
        f"{worst}, relative to the usual amount",
        sizes[worst],
        1,
        "Shorten and Khoshgoftaar 2019, A survey on image data augmentation: changes must keep the label; the limit is "
        "ours",
        Bars("Changes of the images, relative to what is usual", tuple(sizes), tuple(sizes.values()), 1.0),
        "a training loss that falls",
    )
    mild = remedies.milder_augmentation(evidence.scenario)
    return Suspicion(finding, (*((mild,) if mild else ()), ("augmentation={}",)), confirm=True)


def few_steps(evidence: Evidence) -> Suspicion | None:
    """Too few updates for the weights to get anywhere."""
    each, total = evidence.steps
    training = evidence.scenario.training
    if not evidence.poor or evidence.failure or total >= STEPS:
        return None
    large = training.batch_size > remedies.BATCH and each < 10
    words = f"The weights were updated only {count(total, 'time')} in the whole training"
    if large:
        words += f": batch_size is {training.batch_size:,}, so an epoch is {count(each, 'step')}"
    finding = Finding(
        "few_steps",
        "Too few steps",
        f"{words}.",
        "steps of the whole training",
        total,
        STEPS,
        "Masters and Luschi 2018 (arXiv:1804.07612): batches of 2 to 32 rows; the limit is ours",
        losses(evidence),
        "a loss that falls further, because there are more steps",
    )
    epochs = max(training.epochs, 1)
    longer = tuple((f"training.epochs={factor * epochs}",) for factor in (10, 100))
    smaller = ((f"training.batch_size={remedies.BATCH}",),) if large else ()
    return Suspicion(finding, (*smaller, *longer), confirm=True)


def unlucky_start(evidence: Evidence) -> Suspicion | None:
    """A start that happens to lead into a dead end, unlike others."""
    if not evidence.poor or evidence.failure:
        return None
    finding = Finding(
        "unlucky_start",
        "An unlucky start",
        "From these initial weights, training gets stuck where no small step reduces the loss. The network can do "
        "better: from other initial weights, the same scenario learns.",
        "share of what there is to learn that was learned",
        max(evidence.skill or 0.0, 0.0),
        0.5,
        "Goodfellow, Bengio and Courville 2016, section 8.2; small networks get stuck more often than wide ones",
        losses(evidence),
        f"a loss that falls further; {command('run', 'SCENARIO', seeds=20)} shows how many starts manage that",
    )
    others = tuple((f"scenario.seed={evidence.seed + k}",) for k in range(1, OTHER_SEEDS + 1))
    return Suspicion(finding, others, confirm=True)


def too_small(evidence: Evidence) -> Suspicion | None:
    """Fewer units than the task needs."""
    if not evidence.poor or evidence.failure:
        return None
    layers = remedies.hidden(evidence.scenario)
    widths = {path: float(getattr(layer, layer.width_key)) for path, layer in layers}
    narrowest = min(widths, key=lambda path: widths[path], default="")
    width = widths.get(narrowest, 0.0)
    if width >= WIDTH:
        return None
    if not widths:
        words = "There is no hidden layer: a single layer draws straight boundaries only, whatever it is trained on."
    else:
        units = count(int(width), "unit")
        words = f"{narrowest} has {units}: everything the network knows about a row has to pass through it."
    finding = Finding(
        "too_small",
        "The network is too small",
        words,
        "units of the narrowest hidden layer",
        width,
        WIDTH,
        "Goodfellow, Bengio and Courville 2016, section 5.2, on capacity. Below the limit, which is ours, more units "
        "are tried",
        Bars("Units of each hidden layer", tuple(widths) or ("none",), tuple(widths.values()) or (0.0,)),
        "a training loss that falls further",
    )  # fmt: skip
    wider = remedies.wider(evidence.scenario)
    # A larger network may need longer training.
    longer = (*wider, f"training.epochs={10 * evidence.scenario.training.epochs}")
    return Suspicion(finding, (wider, longer) if wider else (), confirm=True)
