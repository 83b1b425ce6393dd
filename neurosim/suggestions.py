"""The nearest valid spelling of a word that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean "..."?`` for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else ""


def unknown(what: str, word: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and hint for an unknown name: the nearest spelling, else the list of known ones."""
    names = sorted(known)
    listed = ", ".join(names) if names else "none"
    return f'unknown {what} "{word}"', did_you_mean(word, names) or f"known: {listed}"
