"""Inputs that are made of the features of a table, as ``[data] inputs`` has them: x1, x1^2, x1*x2, sin(x1).

An expression is read by the few rules below, and becomes steps on a stack of columns; nothing of it is ever executed as
code. Numbers are float64 while they are made, with the elementary functions of this package, so that each machine makes
the same bits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.elementary import arrays
from neurosim.errors import DataError, UsageError
from neurosim.suggestions import did_you_mean, listed, named

Floats = NDArray[np.float64]
# What is done to the columns on the stack: a number or a feature is put there, others take one or two from its end.
Step = tuple[str, Any]

LONGEST, DEEPEST, MOST_INPUTS, HIGHEST_POWER = 200, 20, 256, 9
# Angles that the fast sine takes.
_LARGEST_ANGLE = 1e6
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[^\W\d]\w*)|`(?P<quoted>[^`]+)`"
    r"|(?P<sign>\*\*|[-+*/^()]))"
)
_EXAMPLES = 'Write expressions of the features, such as "x1", "x1^2", "x1*x2" or "sin(x1)".'


def _angle(fast: Callable[[Floats], Floats], exact: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    def function(x: Floats) -> Floats:
        return fast(x) if (np.abs(x) <= _LARGEST_ANGLE).all() else exact(x)

    return function


FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "abs": np.abs,
    "cos": _angle(arrays.cos, arrays.mathematics.cos),
    "exp": arrays.exp,
    "log": lambda x: np.where(x >= 0.0, arrays.log(x), np.nan),
    "sin": _angle(arrays.sin, arrays.mathematics.sin),
    "sqrt": np.sqrt,
    "tanh": arrays.mathematics.tanh,
}
_OPERATIONS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}


class _Reader:
    """Reads one expression; `steps` is what it has read."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._text, self._names = text, names
        self._at = self._end = self._depth = 0
        self._kind = self._token = ""
        self.steps: list[Step] = []
        self._next()
        self._sum()
        if self._kind:
            raise self._fault(f'there should be an operator before "{named(self._token)}"')
        if not any(kind == "feature" for kind, _ in self.steps):
            raise self._fault("it is the same for all rows", _EXAMPLES)

    def _fault(self, words: str, hint: str = "") -> UsageError:
        return UsageError(f'inputs: "{named(self._text)}": {words}', hint or _EXAMPLES)

    def _next(self) -> None:
        """Go on to the next token; its kind is empty at the end."""
        self._at = self._end
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            rest = self._text[self._at :].strip()
            self._kind = self._token = ""
            if rest:
                raise self._fault(f'"{rest[0]}" cannot be read')
            return
        self._end, self._kind = found.end(), str(found.lastgroup)
        self._token = found[self._kind]

    def _takes(self, *signs: str) -> str:
        """The sign that comes next, if it is one of these."""
        if self._kind != "sign" or self._token not in signs:
            return ""
        sign = self._token
        self._next()
        return sign

    def _sum(self) -> None:
        self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._factor))

    def _chain(self, signs: tuple[str, ...], part: Callable[[], None]) -> None:
        part()
        while sign := self._takes(*signs):
            part()
            self.steps.append(("operation", sign))

    def _factor(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._fault("it is nested too deeply")
        if self._takes("-"):
            self._factor()
            self.steps.append(("call", "-"))
        else:
            self._atom()
            if self._takes("^", "**"):
                power = self._token
                if self._kind != "number" or not power.isdecimal() or not 2 <= int(power) <= HIGHEST_POWER:
                    raise self._fault(f"the power after ^ is a whole number from 2 to {HIGHEST_POWER}")
                self.steps.append(("power", int(power)))
                self._next()
        self._depth -= 1

    def _atom(self) -> None:
        kind, token = self._kind, self._token
        if self._takes("("):
            return self._inside("(")
        self._next()
        match kind:
            case "number":
                number = float(token)
                if not number < 1e300:
                    raise self._fault(f"{token} is too large")
                self.steps.append(("number", number))
            case "quoted":
                self._feature(token)
            case "name" if self._takes("("):
                if token not in FUNCTIONS:
                    hint = did_you_mean(token, FUNCTIONS) or f"known: {listed(FUNCTIONS)}"
                    raise self._fault(f'unknown function "{named(token)}"', hint)
                self._inside(f"{token}(")
                self.steps.append(("call", token))
            case "name":
                self._feature(token)
            case "sign":
                raise self._fault(f'there should be a number or a feature in the place of "{token}"')
            case _:
                raise self._fault("it ends where a number or a feature should follow")
        return None

    def _inside(self, opened: str) -> None:
        self._sum()
        if not self._takes(")"):
            raise self._fault(f'"{opened}" is not closed')

    def _feature(self, name: str) -> None:
        if name not in self._names:
            hint = did_you_mean(name, self._names) or f"known: {listed(self._names)}"
            if name in FUNCTIONS:
                hint = f"A function has its argument in parentheses, as in {name}({self._names[0]})."
            raise self._fault(f'unknown feature "{named(name)}"', hint)
        self.steps.append(("feature", list(self._names).index(name)))


@dataclass(frozen=True)
class MadeInputs:
    """The inputs of a network, made of the features of a table.

    Parameters
    ----------
    texts : tuple of str
        An expression for each input. What is exactly the name of a feature is that feature, whatever signs it has.
    features : tuple of str
        Names of the features; empty where they have none and are called x1, x2 and so on.
    count : int
        How many features there are.

    Raises
    ------
    UsageError
        For what cannot be read, beginning with "inputs".
    """

    texts: tuple[str, ...]
    features: tuple[str, ...]
    count: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", tuple(self.texts))
        if not 1 <= len(self.texts) <= MOST_INPUTS:
            raise UsageError(f"inputs: {len(self.texts)} are given; there may be 1 to {MOST_INPUTS}", _EXAMPLES)
        twice = next((text for k, text in enumerate(self.texts) if text in self.texts[:k]), None)
        if twice is not None:
            raise UsageError(f'inputs: "{named(twice)}" is given twice', "Leave one of them out.")
        # Read once, so that what is wrong is said here.
        assert self.steps

    @property
    def names(self) -> tuple[str, ...]:
        """What the features are called in expressions."""
        return self.features or tuple(f"x{k + 1}" for k in range(self.count))

    @cached_property
    def steps(self) -> tuple[tuple[Step, ...], ...]:
        """How each input is made."""
        return tuple(self._steps(text) for text in self.texts)

    def _steps(self, text: str) -> tuple[Step, ...]:
        if text in self.names:
            return (("feature", self.names.index(text)),)
        if len(text) > LONGEST:
            raise UsageError(f'inputs: "{named(text)}" has {len(text)} characters; at most {LONGEST}', _EXAMPLES)
        return tuple(_Reader(text, self.names).steps)

    @property
    def plain(self) -> tuple[int | None, ...]:
        """Of each input the place of the feature that it is, None where it is more than that."""
        return tuple(steps[0][1] if len(steps) == 1 else None for steps in self.steps)

    def of(self, rows: ArrayLike) -> Floats:
        """The inputs (rows, inputs) of the features (rows, features), whether or not they are finite."""
        given = np.asarray(rows, np.float64)
        made = np.empty((len(given), len(self.texts)))
        with np.errstate(all="ignore"):
            for k, steps in enumerate(self.steps):
                made[:, k] = _column(steps, given)
        return made

    def finite(self, rows: ArrayLike) -> Floats:
        """The inputs of the features; raises DataError where one is not a finite number."""
        given = np.asarray(rows, np.float64)
        made = self.of(given)
        wrong = ~np.isfinite(made)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            used = dict.fromkeys(value for kind, value in self.steps[column] if kind == "feature")
            where = ", ".join(f"{named(self.names[k])} = {given[row, k]:g}" for k in used)
            raise DataError(
                f'inputs: "{named(self.texts[column])}" is not a finite number for {where}',
                "log needs numbers above 0, sqrt none below 0, and nothing can be divided by 0.",
            )
        return made


def _column(steps: Iterable[Step], given: Floats) -> Floats:
    stack: list[Floats] = []
    for kind, value in steps:
        match kind:
            case "feature":
                stack.append(given[:, value])
            case "number":
                stack.append(np.full(len(given), value))
            case "operation":
                right = stack.pop()
                stack.append(_OPERATIONS[value](stack.pop(), right))
            case "power":
                # Of products, not by logarithms: each step is rounded as everywhere.
                base = power = stack.pop()
                for _ in range(value - 1):
                    power = power * base
                stack.append(power)
            case _:
                x = stack.pop()
                stack.append(-x if value == "-" else _safely(FUNCTIONS[value], x))
    return stack.pop()


def _safely(function: Callable[[Floats], Floats], x: Floats) -> Floats:
    """A function of finite numbers; what is none stays so, without a look at it."""
    finite = np.isfinite(x)
    return np.where(finite, function(np.where(finite, x, 1.0)), np.nan)


def made_words(made: MadeInputs) -> dict[str, Any]:
    """Made inputs as JSON has them, but for the names of the features; `made_of` reads it."""
    return {"inputs": list(made.texts), "of": made.count}


def made_of(words: Any, features: tuple[str, ...]) -> MadeInputs | None:
    """Made inputs from their words, which may come from anyone; raises ValueError for what is none."""
    if words is None:
        return None
    texts, count = words["inputs"], words["of"]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("its made inputs are not text")
    if type(count) is not int or not 1 <= count <= 1 << 22 or (features and len(features) != count):
        raise ValueError(f"its inputs are made of {count!r} features")
    return MadeInputs(tuple(texts), features, count)
