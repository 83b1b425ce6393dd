"""What a page may send to the server: a few orders, with limits. Nothing in them names a file or is executed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

from neurosim.errors import UsageError

MOST_BYTES = 1 << 20
MOST_LEVELS = 16
# Whole numbers that JavaScript has exactly.
LARGEST = 2**53 - 1

Order = dict[str, Any]


def read_message(text: str | None) -> Order:
    """Read an order of a page: ``{"do": "step", "count": 10}``.

    Raises
    ------
    UsageError
        For anything else.
    """
    if text is None:
        raise UsageError("a message is text")
    if len(text) > MOST_BYTES:
        raise UsageError(f"a message has {MOST_BYTES:,} letters at most")
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise UsageError("a message is JSON") from None
    if not isinstance(found, dict):
        raise UsageError('a message is a JSON object, such as {"do": "pause"}')
    check_parts(found)
    name = found.get("do")
    if not isinstance(name, str) or name not in ORDERS:
        raise UsageError(f"a message has one of these orders: {', '.join(ORDERS)}")
    fields = ORDERS[name]
    for key in found:
        if key != "do" and key not in fields:
            raise UsageError(f"the order {name} has no such part; it has: {', '.join(fields) or 'none'}")
    for key, (fits, words) in fields.items():
        if key not in found or not fits(found[key]):
            raise UsageError(f"the order {name} needs {key}: {words}")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def check_parts(found: Any) -> None:
    """Raise UsageError for what is nested too deeply, and for numbers that are not finite."""
    level = [found]
    for _ in range(MOST_LEVELS):
        below: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                below += part.values()
            elif isinstance(part, list):
                below += part
            elif isinstance(part, float) and not math.isfinite(part):
                raise UsageError("the numbers of a message are finite")
        level = below
        if not level:
            return
    raise UsageError(f"a message is nested in {MOST_LEVELS} levels at most")


def _whole(low: int, high: int) -> tuple[Callable[[Any], bool], str]:
    def fits(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return fits, f"a whole number from {low:,} to {high:,}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.isidentifier() and value.isascii() and len(value) <= 40


NUMBER = (_is_number, "a number")
NAME = (_is_name, "a name of letters, digits and underscores")
TABLE = (lambda value: isinstance(value, dict), "the tables of a scenario")
TEXT = (lambda value: isinstance(value, str) and len(value) <= 2000, "a text of 2,000 letters at most")
NUMBERS = (lambda value: isinstance(value, list) and all(map(_is_number, value)), "a list of numbers")
# Order -> its parts, all of which it needs.
ORDERS: dict[str, dict[str, tuple[Callable[[Any], bool], str]]] = {
    "build": {"scenario": TABLE, "evaluates": (lambda value: isinstance(value, bool), "true or false")},
    "epoch": {},
    "formula": {"text": TEXT},
    "more": {},
    "pause": {},
    "restart": {"seed": _whole(0, LARGEST)},
    "run": {"steps": _whole(0, 1_000_000)},
    "seek": {"to": _whole(0, LARGEST)},
    "set": {"name": NAME, "value": NUMBER},
    "step": {},
    "weights": {"values": NUMBERS},
}
