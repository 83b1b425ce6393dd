"""What an optimizer's rule asks of whole arrays, and the functions that it consists of.

A rule that looks at single numbers has one function, `update`. One that looks at whole arrays names reductions, such as
``"l2(w)"``, and may have two functions: the `direction` of all numbers first, then their `update`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from neurosim.suggestions import did_you_mean

# What they make of the numbers x of an array.
OPERATIONS = {
    "sum": "sum of x",
    "mean": "mean of x",
    "l1": "sum of |x|",
    "l2": "square root of the sum of x * x",
    "rms": "square root of the mean of x * x",
    "largest": "largest |x|",
    "count": "how many there are",
    "orthogonal": "its number in the nearest matrix with orthogonal rows or columns, about",
}
# No reduction, but like one: a matrix of the same shape, by `SCHULZ_STEPS` steps of Newton and Schulz with coefficients
# that need few of them and leave singular values of about 0.7 to 1.2 (Jordan et al. 2024).
ORTHOGONAL = "orthogonal"
SCHULZ = (3.4445, -4.775, 2.0315)
SCHULZ_STEPS = 5
SCHULZ_EPSILON = 1e-7
# What they are taken over: the first is meant where a reduction does not say.
SCOPES = ("array", "network", "row", "column")
# An argument that says what the number belongs to: 1 for a bias and for a normalization's gamma and beta, else 0.
IS_BIAS = "is_bias"
_WRITTEN = re.compile(r"\s*(\w+)\s*\(\s*(\w+)\s*\)\s*(?:per\s+(\w+)\s*)?")


@dataclass(frozen=True)
class Reduction:
    """A number that sums up many.

    Attributes
    ----------
    name : str
        The argument through which functions get it.
    operation : str
        One of `OPERATIONS`.
    of : str
        What it is taken of: ``w``, ``g``, ``u`` or a slot.
    scope : str
        One of `SCOPES`.
    """

    name: str
    operation: str
    of: str
    scope: str = "array"

    @property
    def text(self) -> str:
        """As it is written in a record."""
        return f"{self.operation}({self.of})" + ("" if self.scope == SCOPES[0] else f" per {self.scope}")

    def words(self, array: str) -> str:
        """What it is for a number of this array."""
        where = {"array": array, "network": "the whole network"}
        return f"{self.operation}({self.of}) of {where.get(self.scope, f'its {self.scope} of {array}')}"

    @property
    def is_spread(self) -> bool:
        """Whether numbers of one array may get different values."""
        return self.scope in ("row", "column") or self.operation == ORTHOGONAL


def parse(name: str, text: object, known: Collection[str]) -> Reduction:
    """The reduction that a text describes; `known` is what there is to reduce.

    Raises
    ------
    ValueError
        Saying what is wrong, for the end of a message.
    """
    match = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is no reduction; write it like 'l2(w)', 'mean(g) per row' or 'l2(g) per network'")
    operation, of, scope = match[1], match[2], match[3] or SCOPES[0]
    for what, given, names in (
        ("operation", operation, list(OPERATIONS)),
        ("array", of, list(known)),
        ("scope", scope, list(SCOPES)),
    ):
        if given not in names:
            near = did_you_mean(given, names) or f"there are {', '.join(names)}"
            raise ValueError(f"{text!r} names an unknown {what}, {given!r}; {near}")
    if operation == ORTHOGONAL and scope != SCOPES[0]:
        raise ValueError(f"{text!r} is not known: orthogonal is an operation on whole arrays; write 'orthogonal({of})'")
    return Reduction(name, operation, of, scope)


@dataclass(frozen=True)
class UpdatePart:
    """One function of an optimizer's rule, which is called for every number of every array.

    Attributes
    ----------
    role : str
        ``direction`` or ``update``.
    function : function
        As its author wrote it.
    numbers : tuple of str
        The arguments that belong to the number itself: ``w``, ``g`` or ``u``, and slots.
    helpers : tuple of str
        The arguments after them, before `t`: names of reductions, and `IS_BIAS`.
    results : tuple of str
        What it returns.
    before : tuple of Reduction
        What has to be known before it is called, and was not before the function ahead of it.
    """

    role: str
    function: Callable[..., Any]
    numbers: tuple[str, ...]
    helpers: tuple[str, ...]
    results: tuple[str, ...]
    before: tuple[Reduction, ...] = ()


def helpers_of(function: Callable[..., Any], numbers: int, params: Iterable[str]) -> tuple[str, ...]:
    """The names of a function's arguments between those of a number and ``t, *params``."""
    names = list(inspect.signature(function).parameters)
    return tuple(names[numbers : len(names) - 1 - len(list(params))])


def parts_of(
    update: Callable[..., Any],
    direction: Callable[..., Any] | None,
    slots: tuple[str, ...],
    reductions: Mapping[str, Reduction],
    params: Collection[str],
) -> tuple[UpdatePart, ...]:
    """The functions of a rule in the order in which they are called."""
    if direction is None:
        numbers = ("w", "g", *slots)
        shapes = [("update", update, numbers, ("w", *slots))]
    else:
        numbers = ("w", "g", *slots)
        shapes = [("direction", direction, numbers, ("u", *slots)), ("update", update, ("w", "u"), ("w",))]
    parts = []
    helpers = [helpers_of(function, len(names), params) for _, function, names, _ in shapes]
    for place, (role, function, names, results) in enumerate(shapes):
        due = [
            reduction
            for name, reduction in reductions.items()
            # The gradient is there until the direction takes its place.
            if (name in helpers[place] and not (place and reduction.of == "g"))
            or (not place and reduction.of == "g" and any(name in named for named in helpers))
        ]
        parts.append(UpdatePart(role, function, names, helpers[place], results, tuple(due)))
    return tuple(parts)
