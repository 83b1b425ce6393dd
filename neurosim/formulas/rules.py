"""The table of derivatives: what each function of `math` contributes to the chain rule.

With x the argument and v the value of a call, a rule is the derivative dv/dx (`times`), or its
reciprocal where dividing by it is the natural form (`over`), as for the logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """dv/dx, or its reciprocal, as Python in ``x``, ``v`` and functions of ``math``.

    Attributes
    ----------
    tame : bool
        Whether value and derivative are finite for every finite x.
    """

    times: str = ""
    over: str = ""
    tame: bool = False


RULES = {
    "acos": Rule(over="-math.sqrt(1.0 - x * x)"),
    "acosh": Rule(over="math.sqrt(x * x - 1.0)"),
    "asin": Rule(over="math.sqrt(1.0 - x * x)"),
    "asinh": Rule(over="math.sqrt(x * x + 1.0)"),
    "atan": Rule(over="1.0 + x * x", tame=True),
    "atanh": Rule(over="1.0 - x * x"),
    "cos": Rule("-math.sin(x)", tame=True),
    "cosh": Rule("math.sinh(x)"),
    "erf": Rule("2.0 / math.sqrt(math.pi) * math.exp(-x * x)", tame=True),
    "erfc": Rule("-2.0 / math.sqrt(math.pi) * math.exp(-x * x)", tame=True),
    "exp": Rule("v"),
    "expm1": Rule("v + 1.0"),
    "log": Rule(over="x"),
    "log10": Rule(over="math.log(10.0) * x"),
    "log1p": Rule(over="1.0 + x"),
    "log2": Rule(over="math.log(2.0) * x"),
    "sin": Rule("math.cos(x)", tame=True),
    "sinh": Rule("math.cosh(x)"),
    "sqrt": Rule(over="2.0 * v"),
    "tan": Rule("1.0 + v * v"),
    "tanh": Rule("1.0 - v * v", tame=True),
}
# Constant between their jumps, or not numbers at all.
FLAT = frozenset({"ceil", "floor", "trunc", "isfinite", "isinf", "isnan"})
