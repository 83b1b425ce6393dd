"""Kinds of values of options, and what is said where a value is none of its kind."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    # Older versions of click cannot be subscripted when they run.
    Value = click.ParamType[Any]
    _Choice = click.Choice[str]
else:
    Value = click.ParamType
    _Choice = click.Choice


class Whole(Value):
    """A whole number, of at least `least` and, if that is given, at most `most`."""

    name = "number"

    def __init__(self, least: int, most: int | None = None) -> None:
        self.least = least
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if number < self.least:
            self.fail(f"must be at least {self.least}, not {number}", param, ctx)
        if self.most is not None and number > self.most:
            self.fail(f"must be at most {self.most}, not {number}", param, ctx)
        return number


class OneOf(_Choice):
    """One of a few words; `also` has what others call them."""

    def __init__(self, choices: Sequence[str], also: Mapping[str, str] | None = None) -> None:
        super().__init__(choices)
        self.also = also or {}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word."""
        if value in self.choices:
            return value
        word = str(value)
        near = self.also.get(word) or next(iter(difflib.get_close_matches(word, self.choices, n=1, cutoff=0.7)), None)
        hint = f'did you mean "{near}"?' if near else f"it can be {', '.join(self.choices)}"
        return self.fail(f"there is no {word!r}; {hint}", param, ctx)


# Seeds, as scenarios have them.
SEED = Whole(0, 2**63 - 1)
