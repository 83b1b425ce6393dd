"""What is found out once about a record and holds for as long as the process lives."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def once_each(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, called once for the same records; what it raises is not remembered.

    Records have dicts in them and so no hash: they are told apart by being the same objects or not.
    """
    known: dict[tuple[int, ...], tuple[object, T]] = {}

    @functools.wraps(function)
    def remembered(*records: P.args, **named: P.kwargs) -> T:
        place = tuple(map(id, records))
        if place not in known:
            # With the records, so that no other object gets their identity.
            known[place] = records, function(*records, **named)
        return known[place][1]

    return remembered
