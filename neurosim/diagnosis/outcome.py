"""Diseases that show in the outcome: rows learned by heart, or the same answer to everything."""

from __future__ import annotations

import math

import numpy as np

from neurosim.diagnosis import remedies
from neurosim.diagnosis.curves import kept_losses, losses
from neurosim.diagnosis.evidence import Evidence
from neurosim.diagnosis.finding import Bars, Finding, Remedy
from neurosim.diagnosis.measured import LEARNED
from neurosim.diagnosis.suspicion import Suspicion
from neurosim.diagnosis.words import number

GAP, TIMES, CERTAIN, RISEN = 0.1, 3.0, 3.0, 1.5
COLLAPSED = 0.6
STOPPING = "Goodfellow, Bengio and Courville 2016, section 5.2; Prechelt 1998 on when to stop"


def overfitting(evidence: Evidence) -> Suspicion | None:
    """Rows that were memorized."""
    kept = evidence.kept_apart
    if kept is None or evidence.skill is None or evidence.skill < LEARNED:
        return None
    learned, other, rows = kept
    if evidence.classes:
        spread = math.sqrt(max(other * (1 - other), 1e-4) / rows)
        gap, limit, measure = learned - other, GAP, "accuracy lost on held-out rows"
        found = gap >= max(GAP, CERTAIN * spread)
        words = f"The network gets {learned:.1%} of the training rows right, but only {other:.1%} of the held-out rows."
    else:
        gap, limit, measure = other / max(learned, 1e-30), TIMES, "loss on held-out rows, relative to the training loss"
        found = gap >= TIMES
        words = f"The loss is {number(learned)} on the training rows and {number(other)} on the held-out rows."
    if not found:
        return None
    best = _best_epoch(evidence)
    finding = Finding(
        "overfitting",
        "Overfitting",
        f"{words} The network has learned the peculiarities of its training rows."
        + (f" On the held-out rows it was best after epoch {best}." if best else ""),
        measure,
        gap,
        limit,
        f"{STOPPING}. Our limit is 10 points of accuracy, or three times the loss",
        losses(evidence, best),
        "a smaller gap, and a loss on held-out rows that is no larger",
    )
    return Suspicion(
        finding,
        _against_overfitting(evidence, best),
        goal="kept_apart",
        advice="What helps most is more training rows; otherwise fewer units, dropout or, for images, augmentation.",
    )


def rising_loss(evidence: Evidence) -> Suspicion | None:
    """A loss on held-out rows that rises again while the training loss still falls."""
    best = _best_epoch(evidence)
    if best is None or evidence.poor:
        return None
    kept = [math.inf if value is None else value for value in kept_losses(evidence)]
    train = evidence.history.train_loss
    times = kept[-1] / max(kept[best - 1], 1e-30)
    if not (times >= RISEN and train[-1] < train[best - 1]):
        return None
    sure = (
        " It may get as many rows right as before, but where the network is wrong it has become very confident."
        if evidence.classes
        else ""
    )
    finding = Finding(
        "rising_loss",
        "The loss on held-out rows rises again",
        f"On the held-out rows the loss was smallest after epoch {best} ({number(kept[best - 1])}); at the end it is "
        f"{number(kept[-1])}, while the training loss has kept falling.{sure} This is how overfitting begins.",
        "loss on held-out rows at the end, relative to its smallest value",
        times,
        RISEN,
        f"{STOPPING}. Our limit is half as much again",
        losses(evidence, best),
        "a loss on held-out rows that is smaller at the end",
    )
    return Suspicion(finding, _against_overfitting(evidence, best), goal="kept_apart", note=True)


def class_collapse(evidence: Evidence) -> Suspicion | None:
    """A network that gives the same few answers to everything."""
    counts = evidence.counts
    if counts is None or not evidence.poor:
        return None
    there, answered = _effective(counts.sum(axis=1)), _effective(counts.sum(axis=0))
    if there < 1.5 or answered / there >= COLLAPSED:
        return None
    answers = counts.sum(axis=0) / counts.sum()
    names = evidence.class_names
    finding = Finding(
        "class_collapse",
        "The answers have collapsed",
        f"{answers.max():.0%} of the training rows get the same answer, {names[int(answers.argmax())]}: in effect "
        f"the network uses {number(answered)} of {number(there)} classes.",
        "classes answered, relative to the classes in the data (exponential of the entropy)",
        answered / there,
        COLLAPSED,
        "Hill 1973 on the effective number of classes; the limit is ours",
        Bars("Share of the answers that each class gets", names, tuple(float(share) for share in answers)),
        "answers of all classes",
    )
    return Suspicion(finding, rates=True)


def _effective(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _best_epoch(evidence: Evidence) -> int | None:
    """The epoch with the smallest loss on held-out rows; None if that is the last one."""
    found = [math.inf if value is None else value for value in kept_losses(evidence)]
    best = int(np.argmin(found)) + 1 if found else 0
    return best if 0 < best < len(found) and math.isfinite(found[best - 1]) else None


def _against_overfitting(evidence: Evidence, best: int | None) -> tuple[Remedy, ...]:
    sooner = (f"training.epochs={best}",) if best else ()
    found = (sooner, *(remedies.penalty(evidence.scenario, value) for value in (0.01, 0.001)))
    return tuple(remedy for remedy in found if remedy)
