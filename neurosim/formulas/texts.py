"""Pieces of source text put together."""

from __future__ import annotations


def is_number(text: str) -> bool:
    """Whether the text is a literal number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_atom(text: str) -> bool:
    """Whether the text is a name or a number, which may stand twice at no cost."""
    return text.isidentifier() or is_number(text)


def added(left: str, right: str) -> str:
    """Text of a sum of tangents, either of which may be nothing."""
    if left and right:
        return f"({left}) - ({right[2:-1]})" if right.startswith("-(") else f"({left}) + ({right})"
    return left or right


def negative(text: str) -> str:
    """Text of a tangent with the other sign."""
    if text in ("1.0", "-1.0"):
        return "-1.0" if text == "1.0" else "1.0"
    return f"-({text})" if text else ""
