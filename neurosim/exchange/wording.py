"""Text of a script that is not a formula: comments, names and numbers.

Titles and lessons may come from anyone. They stand in comments only, line by line, without what ends a line; and not
in the first two lines of a file, where a comment may say how the file is to be read.
"""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.formulas.arrays import number_text
from neurosim.printable import printable

# What formatters make of a line at most, by default.
LONGEST = 88
# Arrays with more numbers than this, all together, are kept in a file beside the script.
MOST_WRITTEN = 64


def comment(text: str, indent: str = "") -> list[str]:
    """A text as comments: its paragraphs wrapped, with an empty comment between them."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", printable(text).strip()):
        words = " ".join(paragraph.split())
        # What follows the sign at once, such as "type:" or "noqa", is never an instruction to a tool.
        wrapped = textwrap.wrap(words, LONGEST - len(indent) - 2, break_on_hyphens=False)
        lines += [*([f"{indent}#"] if lines else []), *(f"{indent}# {line}".rstrip() for line in wrapped)]
    return lines


def statement(text: str, indent: str) -> list[str]:
    """A line that ends with a call; where it is too long, broken as formatters do it.

    The arguments of the call have a line of their own, or one each; where that does not help a layer that is made and
    called at once, those of the making.
    """
    if len(indent) + len(text) <= LONGEST or not text.endswith(")"):
        return [f"{indent}{text}"]
    end, start = len(text), _opening(text)
    if len(indent) + start + 1 > LONGEST and text[start - 1] == ")":
        end, start = start, _opening(text[:start])
    inside = f"{indent}    {text[start + 1 : end - 1]}"
    lines = [inside]
    if len(inside) > LONGEST:
        # Not at the comma of a pair, behind which no name stands.
        lines = [f"{indent}    {argument}," for argument in re.split(r", (?=\w+=)", inside.strip())]
    return [f"{indent}{text[:start]}(", *lines, f"{indent}){text[end:]}"]


def _opening(text: str) -> int:
    """Where the parenthesis opens that the text ends with."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == ")") - (text[place] == "(")
        if not depth:
            return place
    return -1


def identifier(name: str, taken: Iterable[str] = ()) -> str:
    """A name that Python allows and that is not taken, as near as possible to one of a plugin's author."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    plain = f"_{plain}" if not plain or plain[0].isdigit() else plain
    used = set(taken)
    while plain in used or keyword.iskeyword(plain) or plain in ("np", "torch", "nn", "math"):
        plain += "_"
    return plain


def number(value: float) -> str:
    """A number as someone would write it."""
    return number_text(value)[0]


def extent(pair: tuple[int, int]) -> str:
    """A height and a width, or one number where they are the same."""
    return str(pair[0]) if pair[0] == pair[1] else str(pair)


def count(value: int, word: str) -> str:
    """A number of things."""
    return f"{value:,} {word}{'' if value == 1 else 's'}"


def small_array(array: NDArray[Any]) -> str:
    """An array with few numbers as lists of lists, on one line; float32 numbers so that they are read back exactly."""

    def text(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(text, value))}]"
        return str(value) if isinstance(value, int) else number_of(np.float32(value))

    return text(array.tolist())


def number_of(value: np.float32) -> str:
    """The shortest text that is read as this float32 number."""
    whole = float(value).is_integer() and abs(value) < 1e6
    return str(int(value)) if whole else str(value).replace("e-0", "e-")


def array_lines(head: str, array: NDArray[Any], tail: str, indent: str) -> list[str] | None:
    """``head[...]tail`` on one line, or with a line for each row; None where a row does not fit into a line."""
    whole = f"{indent}{head}{small_array(array)}{tail}"
    if len(whole) <= LONGEST:
        return [whole]
    if array.ndim < 2:
        return None
    inner = [f"{indent}        {small_array(row)}," for row in array]
    lines = [f"{indent}{head}", f"{indent}    [", *inner, f"{indent}    ]", f"{indent}{tail}"]
    return lines if max(map(len, lines)) <= LONGEST else None


def list_lines(head: str, numbers: Iterable[float]) -> list[str]:
    """``head([...])`` on one line or, where that is too long, with a line for each number."""
    texts = [number(value) for value in numbers]
    whole = f"{head}([{', '.join(texts)}])"
    if len(whole) <= LONGEST:
        return [whole]
    return [f"{head}(", "    [", *(f"        {text}," for text in texts), "    ]", ")"]


def block(*sections: Iterable[str] | str) -> str:
    """The sections of a script, two empty lines between any two."""
    texts = [section if isinstance(section, str) else "\n".join(section) for section in sections]
    return "\n\n\n".join(text.strip("\n") for text in texts if text) + "\n"
