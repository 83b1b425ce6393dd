"""What is worked out once about a record and holds for as long as the process lives."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def once_each(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, called once for the same records; what it raises is not remembered.

    Records hold dicts and so have no hash: two are the same where they are one object.
    """
    known: dict[tuple[object, ...], tuple[object, T]] = {}

    @functools.wraps(function)
    def remembered(*records: P.args, **named: P.kwargs) -> T:
        place = (*map(id, records), *((name, id(record)) for name, record in named.items()))
        if place not in known:
            # Kept with the records, so that no other object gets their identity.
            known[place] = (records, named), function(*records, **named)
        return known[place][1]

    return remembered
