"""What a derivation in reverse raises where it is not possible."""

from __future__ import annotations


class NotReversibleError(Exception):
    """A formula, or a part of one, that cannot be derived in reverse: the author's line, if it is known, and why."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(line, why)
        self.line = line
        self.why = why


class LostValueError(NotReversibleError):
    """A loop that hands on the value of a name, which is needed again when it is taken in reverse."""

    def __init__(self, name: str, called: str) -> None:
        super().__init__(0, f"a loop hands on {called}, and its derivative needs all values of that again")
        self.name = name
