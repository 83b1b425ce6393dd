"""Which of several networks did best, by the measure that says most about all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from neurosim.training.measures import JUDGED_BY

# Larger is better; then the loss, whose values depend on its function and on how targets are scaled.
LARGER = ("accuracy", "r2")
KINDS = (*LARGER, "loss")


@dataclass(frozen=True)
class Contender:
    """A network that is ranked.

    Attributes
    ----------
    label : str
        Its name.
    metrics : mapping of str to (float or None)
        Its final measures, such as ``test_accuracy``.
    loss : str
        Name of its loss function: values of different functions cannot be compared.
    rows : mapping of str to str
        By split, the hash of the rows on which it was measured.
    """

    label: str
    metrics: Mapping[str, float | None]
    loss: str
    rows: Mapping[str, str]


@dataclass(frozen=True)
class Ranking:
    """Networks in the order of their results.

    Attributes
    ----------
    measure : str or None
        What they are ranked by; None if no measure can be compared between all of them.
    order : tuple of (int or None, int)
        Rank from 1, and place among those given; the best first. Equal networks share the better rank.
    remarks : tuple of str
        What to keep in mind.
    same_rows : bool
        Whether all were measured on the same rows.
    """

    measure: str | None
    order: tuple[tuple[int | None, int], ...]
    remarks: tuple[str, ...]
    same_rows: bool


def rank(contenders: Sequence[Contender]) -> Ranking:
    """Rank networks by the first measure that all have: on the test rows, the validation rows, the training rows.

    Accuracy, or R² for regression, comes before loss, which counts only if all have the same loss function; it also
    breaks ties.
    """
    same_loss = len({one.loss for one in contenders}) <= 1
    measure = _measure(contenders, KINDS if same_loss else LARGER)
    if measure is None:
        return Ranking(None, tuple((None, place) for place in range(len(contenders))), _unranked(contenders), False)
    key = _key(measure, use_loss=same_loss)
    places = sorted(range(len(contenders)), key=lambda place: key(contenders[place]))
    order: list[tuple[int | None, int]] = []
    for number, place in enumerate(places, 1):
        tied = bool(order) and key(contenders[order[-1][1]]) == key(contenders[place])
        order.append((order[-1][0] if tied else number, place))
    split = measure.partition("_")[0]
    same_rows = len({one.rows.get(split) for one in contenders}) == 1
    remarks = _remarks(split, same_rows=same_rows) if len(contenders) > 1 else ()
    return Ranking(measure, tuple(order), remarks, same_rows)


def _measure(contenders: Sequence[Contender], kinds: Sequence[str]) -> str | None:
    if not contenders:
        return None
    names = [f"{split}_{kind}" for split in JUDGED_BY for kind in kinds]
    return next((name for name in names if all(_is_number(one.metrics.get(name)) for one in contenders)), None)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _key(measure: str, *, use_loss: bool) -> Callable[[Contender], tuple[float, float]]:
    """A sort key: smaller is better."""
    split, _, kind = measure.partition("_")

    def key(one: Contender) -> tuple[float, float]:
        value, loss = one.metrics[measure], one.metrics.get(f"{split}_loss")
        assert value is not None
        second = loss if use_loss and loss is not None and math.isfinite(loss) else 0.0
        return (-value, second) if kind in LARGER else (value, 0.0)

    return key


def _unranked(contenders: Sequence[Contender]) -> tuple[str, ...]:
    if len(contenders) < 2:
        return ()
    return ("Not ranked: they have no measure in common; losses of different functions cannot be compared.",)


def _remarks(split: str, *, same_rows: bool) -> tuple[str, ...]:
    if not same_rows:
        return ("They were not measured on the same rows: the order says little about which network is better.",)
    if split == "train":
        return ("Measured on the rows that they learned from: that says nothing about new rows.",)
    return ()
