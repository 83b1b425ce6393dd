"""How many seeds there are."""

from __future__ import annotations

LARGEST_SEED = 2**63 - 1


def beyond_seeds(first: int, count: int) -> str:
    """Says that `count` seeds from `first` on go beyond the largest seed; empty where they do not."""
    last = first + count - 1
    return f"from seed {first} on, {count:,} seeds end at {last}; the largest is {LARGEST_SEED}" * (last > LARGEST_SEED)
