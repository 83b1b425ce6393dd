"""What formulas may ask of a whole row: its sum, its extremes and where they are, its numbers in order.

These are formulas like those of authors, in the language of `neurosim.formulas.reader`, so every backend adds in the
same order and lets NaN through in the same way: the sum, the largest and the smallest of a row with NaN are NaN, its
place is that of the first NaN, and in ascending order NaN comes last.
"""

from __future__ import annotations

from collections.abc import Sequence


def total(row: Sequence[float]) -> float:
    """``sum(row)``, from left to right."""
    found = 0.0
    for k in range(len(row)):
        found += row[k]
    return found


def largest(row: Sequence[float]) -> float:
    """``max(row)``, except that it is NaN where there is one."""
    best = row[0]
    for k in range(1, len(row)):
        if row[k] > best or row[k] != row[k]:
            best = row[k]
    return best


def smallest(row: Sequence[float]) -> float:
    """``min(row)``, except that it is NaN where there is one."""
    best = row[0]
    for k in range(1, len(row)):
        if row[k] < best or row[k] != row[k]:
            best = row[k]
    return best


def argmax(row: Sequence[float]) -> int:
    """The index of the largest number of a row, of the first if there are several.

    For formulas: ``a[argmax(z)] = 1.0``. If a number is NaN, it is the index of the first NaN.
    """
    best = 0
    for k in range(1, len(row)):
        if row[best] == row[best] and (row[k] > row[best] or row[k] != row[k]):
            best = k
    return best


def argmin(row: Sequence[float]) -> int:
    """The index of the smallest number of a row, of the first if there are several; NaN as in `argmax`."""
    best = 0
    for k in range(1, len(row)):
        if row[best] == row[best] and (row[k] < row[best] or row[k] != row[k]):
            best = k
    return best


def put_in_order(row: Sequence[float], ordered: list[float], descending: float) -> None:
    """``ordered = sorted(row, reverse=descending)``: Shell's sort with Knuth's gaps, which needs no other memory."""
    count = len(row)
    for k in range(count):
        ordered[k] = row[k]
    gap = 1
    while 3 * gap + 1 < count:
        gap = 3 * gap + 1
    while gap > 0:
        for k in range(gap, count):
            value = ordered[k]
            at = k
            # NaN stays where it is, and numbers go before it: no comparison with it holds.
            while value == value and at >= gap and not ordered[at - gap] <= value:
                ordered[at] = ordered[at - gap]
                at -= gap
            ordered[at] = value
        gap = gap // 3
    if descending > 0.0:
        for k in range(count // 2):
            value = ordered[k]
            ordered[k] = ordered[count - 1 - k]
            ordered[count - 1 - k] = value


def clear(row: list[float]) -> None:
    """Make every entry 0."""
    for k in range(len(row)):
        row[k] = 0.0


def put_back(
    row: Sequence[float],
    ordered: Sequence[float],
    amounts: Sequence[float],
    taken: list[float],
    filled: list[float],
    descending: float,
) -> None:
    """Add to each entry of `filled` what `amounts` has where the number of `row` stands in ``sorted(row)``.

    Of equal numbers, the first stands first. `taken` is 0 everywhere; it counts them.
    """
    for k in range(len(row)):
        value = row[k]
        low = 0
        high = len(row)
        while low < high:
            middle = (low + high) // 2
            there = ordered[middle]
            # In descending order, NaN comes first.
            if (there > value or there != there) if descending > 0.0 else there < value:
                low = middle + 1
            else:
                high = middle
        if value == value:
            place = low + int(taken[low])
            taken[low] += 1.0
            filled[k] += amounts[place]
        else:
            filled[k] = value


# How formulas call those with a name of Python's own.
OF_A_ROW = {"sum": total, "max": largest, "min": smallest}
# Those that give an index.
PLACES = frozenset({argmax, argmin})
