"""The table of derivatives: what each operation and each function of `math` contributes to the chain rule."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """The tangent of a result v: Python in the operands x and y, their tangents dx and dy, and functions of ``math``.

    Dividing is the natural form for some, as for the logarithm.

    Attributes
    ----------
    tame : bool
        Whether value and derivative are finite for every finite x.
    """

    tangent: str
    tame: bool = False


RULES = {
    "acos": Rule("dx / -math.sqrt(1.0 - x * x)"),
    "acosh": Rule("dx / math.sqrt(x * x - 1.0)"),
    "asin": Rule("dx / math.sqrt(1.0 - x * x)"),
    "asinh": Rule("dx / math.sqrt(x * x + 1.0)"),
    "atan": Rule("dx / (1.0 + x * x)", tame=True),
    "atanh": Rule("dx / (1.0 - x * x)"),
    "cos": Rule("-math.sin(x) * dx", tame=True),
    "cosh": Rule("math.sinh(x) * dx"),
    "erf": Rule("2.0 / math.sqrt(math.pi) * math.exp(-x * x) * dx", tame=True),
    "erfc": Rule("-2.0 / math.sqrt(math.pi) * math.exp(-x * x) * dx", tame=True),
    "exp": Rule("v * dx"),
    "expm1": Rule("(v + 1.0) * dx"),
    "log": Rule("dx / x"),
    "log10": Rule("dx / (math.log(10.0) * x)"),
    "log1p": Rule("dx / (1.0 + x)"),
    "log2": Rule("dx / (math.log(2.0) * x)"),
    "sin": Rule("math.cos(x) * dx", tame=True),
    "sinh": Rule("math.cosh(x) * dx"),
    "sqrt": Rule("dx / (2.0 * v)"),
    "tan": Rule("(1.0 + v * v) * dx"),
    "tanh": Rule("(1.0 - v * v) * dx", tame=True),
}
RULES_OF_TWO = {
    "+": Rule("dx + dy"),
    "-": Rule("dx - dy"),
    "*": Rule("y * dx + x * dy"),
    "/": Rule("(dx - v * dy) / y"),
    "%": Rule("dx - math.floor(x / y) * dy"),
    "atan2": Rule("(y * dx - x * dy) / (x * x + y * y)"),
    "copysign": Rule("math.copysign(1.0, x) * math.copysign(1.0, y) * dx"),
    "fmod": Rule("dx - math.trunc(x / y) * dy"),
    "hypot": Rule("(x * dx + y * dy) / v"),
}
# Constant between their jumps, or not numbers at all.
FLAT = frozenset({"ceil", "floor", "trunc", "isfinite", "isinf", "isnan"})
