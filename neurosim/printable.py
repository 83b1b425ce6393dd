r"""Text of a user's as it may be shown: on a terminal, in a picture, on a page.

Titles, names of columns and classes, names of files and what plugins say are from anybody. What steers a terminal, or
reverses the order of letters, is shown as Python writes it (``\x1b``), and never obeyed. All other letters, of whatever
script, stay as they are.
"""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from collections.abc import Sequence

# Control characters except the end of a line, line separators, overrides of the writing direction, annotations, what
# file names have in place of bytes that are not text, and invisible tags.
_STEERING = (
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
# Letters of a title, and of a name: of a class, a column, a run.
HEADLINE, LABEL = 160, 40
# Letters kept of the end of a name that is cut: similar names often differ there.
_ENDING = 12


def printable(text: str) -> str:
    r"""The text without anything that steers a terminal; ends of lines (``\n``) stay, and a tab is a space."""
    # Most texts have nothing of the kind, and every command loads this: the pattern is compiled only when needed.
    return text if text.replace("\n", "").isprintable() else _steering().sub(_spelt, text)


@functools.cache
def _steering() -> re.Pattern[str]:
    return re.compile(_STEERING)


def _spelt(found: re.Match[str]) -> str:
    return " " if found[0] == "\t" else found[0].encode("unicode_escape").decode("ascii")


def headline(text: str, longest: int = HEADLINE) -> str:
    """A title as one line of at most `longest` letters, printable; a longer one ends with an ellipsis."""
    line = _line(text, longest)
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def label(text: str, longest: int = LABEL) -> str:
    """A name as one line of at most `longest` letters, printable and visible; a longer one loses its middle."""
    import unicodedata

    line = _line(text, longest)
    if not any(unicodedata.category(letter)[0] not in "CZM" for letter in line):
        # Nothing in it can be seen.
        line = line.encode("unicode_escape").decode("ascii").replace(" ", "\\x20")
    if len(line) <= longest:
        return line
    ending = min(_ENDING, longest // 2)
    return f"{line[: longest - ending - 1].rstrip()}…{line[-ending:].lstrip()}"


def labels(names: Sequence[str], longest: int = LABEL) -> tuple[str, ...]:
    """The names as `label` shows them, told apart.

    Where some come out alike, what all names begin and end with is left out, and any that are still alike are numbered:
    no two labels are the same, whatever the names are.
    """
    shown = [label(name, longest) for name in names]
    if len(set(shown)) < len(set(names)):
        before = _shared(names)
        after = _shared([name[before:][::-1] for name in names])
        ends = "…" * (before > 0), "…" * (after > 0)
        shown = [f"{ends[0]}{label(name[before : len(name) - after], longest - 2)}{ends[1]}" for name in names]
    total, taken, last = Counter(shown), set(shown), dict.fromkeys(shown, 0)
    for place, name in enumerate(shown):
        while total[name] > 1 and shown[place] in taken:
            last[name] += 1
            shown[place] = f"{name} ({last[name]})"
        taken.add(shown[place])
    return tuple(shown)


def shortened(text: str, longest: int) -> str:
    """The text without its middle where it is longer than `longest`; never for a command, which is whole or useless."""
    half = (longest - 5) // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


def quoted(word: object) -> str:
    r"""A path, or another word, as it is typed in a shell, in a command that is suggested.

    What cannot be shown is written as bash, zsh and fish read it back: ``$'a\x1bb'``. On Windows it is quoted for its
    own shells.
    """
    text = str(word)
    if text.startswith("-") and isinstance(word, os.PathLike):
        text = f".{os.sep}{text}"  # no option
    if os.name == "nt":
        # No name of a file can have a quote in it there.
        return text if re.fullmatch(r"[\w.:\\/+=,-]+", text) else f'"{text}"'
    if printable(text) == text and "\n" not in text:
        import shlex

        return shlex.quote(text)
    letters = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in os.fsencode(text))
    return f"$'{''.join(letters)}'"


def command(*words: object, **options: object) -> str:
    """A command of neurosim as it is typed in a shell: ``command("run", resume=folder, force=True)``.

    Options that are None or False are left out.
    """
    typed = ["neurosim", *map(quoted, words)]
    for name, value in options.items():
        if value is not None and value is not False:
            typed.append(f"--{name.replace('_', '-')}")
            typed += [] if value is True else [quoted(value)]
    return " ".join(typed)


def arguments(**given: object) -> str:
    """Arguments as they are given in Python, in a hint that suggests them: ``data_dir="/data"``."""
    import json

    shown = ((name, str(value) if isinstance(value, os.PathLike) else value) for name, value in given.items())
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in shown)


def _shared(names: Sequence[str]) -> int:
    """How many letters all names have in common at their beginning."""
    first, last = min(names), max(names)
    return next((place for place, letter in enumerate(first) if last[place] != letter), len(first))


def _line(text: str, longest: int) -> str:
    """The text on one line; of a very long one only the two ends, which are all that can be shown."""
    if len(text) > 8 * longest:
        text = text[: 4 * longest] + text[-4 * longest :]
    return printable(" ".join(text.split()))
