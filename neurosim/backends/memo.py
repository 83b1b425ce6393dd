"""Facts about records that are computed once per process."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def once_each(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, called only once for the same records; exceptions are not remembered.

    Records contain dicts and so have no hash: two are the same if they are one object.
    """
    known: dict[tuple[object, ...], tuple[object, T]] = {}

    @functools.wraps(function)
    def remembered(*records: P.args, **named: P.kwargs) -> T:
        place = (*map(id, records), *((name, id(record)) for name, record in named.items()))
        if place not in known:
            # Stored with the records, so that no other object can get their id.
            known[place] = (records, named), function(*records, **named)
        return known[place][1]

    return remembered
