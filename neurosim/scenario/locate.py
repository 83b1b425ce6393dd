"""Where each key of a TOML document stands: tomllib reads the values and forgets the places.

The scanner takes text that tomllib has accepted, so it checks nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar

KeyPath = tuple[str | int, ...]
Position = tuple[int, int]

# Deeper nesting is no scenario; not noting it keeps the work linear in the length of the text.
MAX_DEPTH = 64

_TOKEN = re.compile(
    r'''
      (?P<blank>   [ \t]+ | \#[^\n]* )
    | (?P<newline> \n )
    | (?P<string>  """ (?: [^"\\] | \\. | "(?!"") )* """ "{0,2}
                 | \'\'\' (?: [^\'] | \'(?!\'\') )* \'\'\' \'{0,2}
                 | " (?: [^"\\] | \\. )* "
                 | \' [^\']* \' )
    | (?P<mark>    [\[\]{},=.] )
    | (?P<bare>    [^\s\[\]{},=."\'\#]+ )
    ''',
    re.VERBOSE | re.DOTALL,
)


Found = TypeVar("Found")


def nearest(found: Mapping[KeyPath, Found], path: KeyPath) -> tuple[int, Found] | None:
    """What there is for a key path, or else for the longest beginning of it: how long that is, and what; or None."""
    return next(((end, found[path[:end]]) for end in range(len(path), 0, -1) if path[:end] in found), None)


def overlap(one: KeyPath, other: KeyPath) -> bool:
    """Whether one of two key paths leads to the other, or both are the same."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def locate(text: str) -> dict[KeyPath, Position]:
    """Positions of all keys, tables and array elements.

    Parameters
    ----------
    text : str
        A TOML document that tomllib can read.

    Returns
    -------
    dict
        (line, column), both from 1, by key path: the place of a key for what is assigned, the
        header for a table, the value for an element of an array.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._positions: dict[KeyPath, Position] = {}
        self._tables_in: dict[KeyPath, int] = {}
        self._offset = 0
        self._line = 1
        self._line_start = 0
        self._place: Position = (1, 1)
        self._advance()

    def scan(self) -> dict[KeyPath, Position]:
        table: KeyPath = ()
        while self._skip_newlines():
            if self._token == "[":
                table = self._header()
            else:
                self._assignment(table)
        return self._positions

    # Tokens. The current one is `_kind` ("" at the end), `_token` and `_place`.

    def _advance(self) -> None:
        """Go to the next token that is not blank."""
        while True:
            match = _TOKEN.match(self._text, self._offset)
            if match is None:
                self._kind = self._token = ""
                return
            self._kind, self._token = str(match.lastgroup), match.group()
            self._place = (self._line, self._offset - self._line_start + 1)
            self._offset = match.end()
            newlines = self._token.count("\n")
            if newlines:
                self._line += newlines
                self._line_start = match.start() + self._token.rindex("\n") + 1
            if self._kind != "blank":
                return

    def _skip_newlines(self) -> bool:
        """Go to the next token that is not a newline; False at the end of the text."""
        while self._kind == "newline":
            self._advance()
        return bool(self._kind)

    # Parts of a document.

    def _header(self) -> KeyPath:
        place = self._place
        self._advance()
        is_array = self._token == "["
        if is_array:
            self._advance()
        path: KeyPath = ()
        while True:
            # A name that stands for an array of tables means its latest table.
            if path in self._tables_in:
                path = _join(path, self._tables_in[path] - 1)
            path = _join(path, self._key_part())
            self._positions.setdefault(path, place)
            if self._token != ".":
                break
            self._advance()
        if is_array:
            count = self._tables_in.get(path, 0)
            self._tables_in[path] = count + 1
            path = _join(path, count)
            self._advance()
        self._advance()
        self._positions[path] = place
        return path

    def _assignment(self, table: KeyPath) -> None:
        self._value(self._key(table))

    def _key(self, table: KeyPath) -> KeyPath:
        """Read a key and the equals sign, and note the places of its parts."""
        path = table
        while True:
            place = self._place
            path = _join(path, self._key_part())
            self._positions.setdefault(path, place)
            dotted = self._token == "."
            self._advance()
            if not dotted:
                return path

    def _key_part(self) -> str:
        name = tomllib.loads(f"name = {self._token}")["name"] if self._kind == "string" else self._token
        self._advance()
        return str(name)

    def _value(self, path: KeyPath) -> None:
        """Pass over a value; without recursion, because arrays may be deeper than Python's stack."""
        inside: list[tuple[KeyPath, int | None]] = []  # containers; next index, None in an inline table
        while True:
            at_element = self._token in ("[", "{")
            if at_element:
                inside.append((path, 0 if self._token == "[" else None))
                self._advance()
            else:
                self._scalar()
            while inside:
                self._skip_newlines()
                if self._token in ("]", "}"):
                    inside.pop()
                    self._advance()
                    at_element = False
                elif not at_element:
                    self._advance()  # the comma, which may be the last token before the bracket
                    at_element = True
                else:
                    break
            if not inside:
                return
            container, index = inside[-1]
            if index is None:
                path = self._key(container)
            else:
                path = _join(container, index)
                self._positions.setdefault(path, self._place)
                inside[-1] = (container, index + 1)

    def _scalar(self) -> None:
        # Numbers and dates are several tokens: 1.5, 1979-05-27 07:32:00.
        self._advance()
        while self._kind == "bare" or self._token == ".":
            self._advance()


def _join(path: KeyPath, part: str | int) -> KeyPath:
    return path if len(path) >= MAX_DEPTH else (*path, part)


def value_at(tree: Any, path: KeyPath) -> Any:
    """What stands at a key path; None where there is nothing."""
    for part in path:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return None
    return tree
