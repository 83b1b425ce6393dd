"""Names in messages: the nearest valid spelling of an unknown one, or a list of the known ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from neurosim.printable import shortened

# Longest name, and roughly the longest list of names, in characters: columns and classes may be many.
NAME, LIST = 100, 450


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean "..."?`` for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'did you mean "{named(near[0])}"?' if near else ""


def unknown(what: str, word: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and hint for an unknown name: the nearest spelling, else the list of known ones."""
    names = sorted(known)
    return f'unknown {what} "{named(word)}"', did_you_mean(word, names) or f"known: {listed(names)}"


def named(name: str) -> str:
    """A name, shortened for a message: the name of a column or a class may have any length."""
    return shortened(name, NAME)


def listed(names: Iterable[str]) -> str:
    """The names, separated by commas; of very many, the first ones and how many more there are."""
    shown: list[str] = []
    left = 0
    for name in names:
        if left or sum(map(len, shown)) > LIST:
            left += 1
        else:
            shown.append(named(name))
    return ", ".join(shown or ["none"]) + (f" and {left:,} more" if left else "")
