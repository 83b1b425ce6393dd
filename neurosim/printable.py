r"""A user's text, made safe to show: on a terminal, in a picture, on a page.

Titles, names of columns, classes and files, and messages from plugins may come from anyone. Characters that control a
terminal, or reverse the order of letters, are shown escaped, as Python writes them (``\x1b``). All other characters,
of any script, stay as they are.
"""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from collections.abc import Sequence

# Control characters except the newline, line separators, overrides of the writing direction, annotations, surrogates
# that stand for undecodable bytes in file names, and invisible tags.
_STEERING = (
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
# Longest title, and longest name of a class, a column or a run, in characters.
HEADLINE, LABEL = 160, 40
# Characters kept at the end of a shortened name: similar names often differ there.
_ENDING = 12


def printable(text: str) -> str:
    r"""The text with anything that controls a terminal escaped; newlines stay, and a tab becomes a space."""
    # Most texts have no such characters, and every command loads this: the pattern is compiled only when needed.
    return text if text.replace("\n", "").isprintable() else _steering().sub(_escaped, text)


@functools.cache
def _steering() -> re.Pattern[str]:
    return re.compile(_STEERING)


def _escaped(match: re.Match[str]) -> str:
    return " " if match[0] == "\t" else match[0].encode("unicode_escape").decode("ascii")


def headline(text: str, longest: int = HEADLINE) -> str:
    """A title as one printable line of at most `longest` characters; a longer one ends with an ellipsis."""
    line = _line(text, longest)
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def label(text: str, longest: int = LABEL) -> str:
    """A name as one printable, visible line of at most `longest` characters; a longer one loses its middle."""
    import unicodedata

    line = _line(text, longest)
    if not any(unicodedata.category(letter)[0] not in "CZM" for letter in line):
        # None of it is visible.
        line = line.encode("unicode_escape").decode("ascii").replace(" ", "\\x20")
    if len(line) <= longest:
        return line
    ending = min(_ENDING, longest // 2)
    return f"{line[: longest - ending - 1].rstrip()}…{line[-ending:].lstrip()}"


def labels(names: Sequence[str], longest: int = LABEL) -> tuple[str, ...]:
    """The names as `label` shows them, but all different.

    If some come out alike, the beginning and the end that all names share are left out, and any that are still alike
    are numbered: no two labels are the same, whatever the names are.
    """
    shown = [label(name, longest) for name in names]
    if len(set(shown)) < len(set(names)):
        before = shared(names)
        after = shared([name[before:][::-1] for name in names])
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
    """The text, without its middle if it is longer than `longest`; not for commands, which are useless unless whole."""
    half = (longest - 5) // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


def escaped(text: str, longest: int) -> str:
    """The text as `shortened` leaves it; what cannot be shown, ends of lines too, is as Python writes it."""
    shown = shortened(text, longest)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def quoted(word: object) -> str:
    r"""A path, or another word, quoted for the shell in a suggested command.

    Unprintable characters are escaped as bash, zsh and fish read them back: ``$'a\x1bb'``. On Windows the word is
    quoted for its own shells.
    """
    text = str(word)
    if text.startswith("-") and isinstance(word, os.PathLike):
        text = f".{os.sep}{text}"  # not an option
    if os.name == "nt":
        # File names cannot contain quotes there.
        return text if re.fullmatch(r"[\w.:\\/+=,-]+", text) else f'"{text}"'
    if printable(text) == text and "\n" not in text:
        import shlex

        return shlex.quote(text)
    letters = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in os.fsencode(text))
    return f"$'{''.join(letters)}'"


def command(*words: object, **options: object) -> str:
    """A neurosim command to be typed in a shell: ``command("run", resume=folder, force=True)``.

    Options that are None or False are left out; one with a list is given once for each of its values.
    """
    typed = ["neurosim", *map(quoted, words)]
    for name, given in options.items():
        for value in given if isinstance(given, list) else [given]:
            if value is not None and value is not False:
                typed.append(f"--{name.replace('_', '-')}")
                typed += [] if value is True else [quoted(value)]
    return " ".join(typed)


def arguments(**given: object) -> str:
    """Arguments as they are written in Python, for a hint that suggests them: ``data_dir="/data"``."""
    import json

    shown = ((name, str(value) if isinstance(value, os.PathLike) else value) for name, value in given.items())
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in shown)


def shared(names: Sequence[str]) -> int:
    """The length of the longest common prefix of the names."""
    first, last = min(names), max(names)
    return next((place for place, letter in enumerate(first) if last[place] != letter), len(first))


def _line(text: str, longest: int) -> str:
    """The text on one line; of a very long one only the two ends, since no more can be shown."""
    if len(text) > 8 * longest:
        text = text[: 4 * longest] + text[-4 * longest :]
    return printable(" ".join(text.split()))
