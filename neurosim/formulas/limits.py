"""The numbers that compiled formulas can hold."""

from __future__ import annotations

import math

# The largest number that float32 holds, and the least that it tells from 0.
LARGEST, SMALLEST = 3.4028235677973366e38, 1.4e-45


def beyond_float32(value: float) -> tuple[str, str] | None:
    """What becomes of a number in float32 if that is another one altogether, and what to do; None if it is held."""
    if not -LARGEST <= value <= LARGEST:
        return None if math.isinf(value) or math.isnan(value) else ("is too large for float32", "use at most 3.4e38")
    if value and abs(value) < SMALLEST:
        return "is 0 in float32", "use at least 1e-38"
    return None
