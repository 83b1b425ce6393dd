"""The beginner's vocabulary: the terms of the subject, explained in plain sentences; the entries are a TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Entry", "as_markdown", "entries", "find", "mentions", "spellings"]


@dataclass(frozen=True)
class Entry:
    """One term.

    Attributes
    ----------
    word : str
        The term, as it is looked up.
    group : str
        The heading under which it is listed.
    text : str
        A few plain sentences.
    example : str
        An example, with numbers where possible.
    see : tuple of str
        Related terms to read next.
    forms : tuple of str
        Other names, which are linked in a text like the term itself.
    asked : tuple of str
        Names that only a lookup understands.
    """

    word: str
    group: str
    text: str
    example: str
    see: tuple[str, ...]
    forms: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The first sentence."""
        return re.split(r"(?<=\.) ", self.text, maxsplit=1)[0]

    @property
    def anchor(self) -> str:
        """Its place in a page, such as ``word-learning-rate``: the same for the same word, in every page."""
        plain = {"∂": "partial-derivative", "R²": "r-squared"}.get(self.word, self.word)
        return "word-" + re.sub(r"[^a-z0-9]+", "-", plain.lower())


@cache
def entries() -> tuple[Entry, ...]:
    """All terms, group by group."""
    text = files("neurosim.report.glossary").joinpath("entries.toml").read_text(encoding="utf-8")
    return tuple(_entry(**table) for table in tomllib.loads(text)["entry"])


def _entry(
    word: str, group: str, text: str, example: str, see: list[str], forms: Sequence[str] = (), asked: Sequence[str] = ()
) -> Entry:
    return Entry(word, group, text, example, tuple(see), tuple(forms), tuple(asked))


def spellings() -> dict[str, Entry]:
    """Every name that can be looked up, in lower case, including plurals."""
    names: dict[str, Entry] = {}
    for entry in entries():
        for form in (entry.word, *entry.forms, *entry.asked):
            for spelling in (form, _plural(form)):
                names.setdefault(spelling.lower(), entry)
    return names


def find(word: str) -> Entry | None:
    """The entry for a term, ignoring case, plural endings and hyphens; None if there is none."""
    wanted = " ".join(word.lower().split())
    known = spellings()
    plain = {spelling.replace("-", " "): entry for spelling, entry in known.items()}
    return known.get(wanted) or plain.get(wanted.replace("-", " ").replace("_", " "))


def mentions(text: str) -> Iterator[tuple[int, int, Entry]]:
    """Where a text mentions glossary terms: start, end and entry, from left to right.

    Names of files, keys and options, such as ``optimizer.lr`` and ``--seed``, do not count.
    """
    known = _linked()
    for match in _pattern().finditer(text):
        yield match.start(), match.end(), known[" ".join(match.group().lower().split())]


def as_markdown() -> str:
    """The whole glossary as a page of the documentation, with links between the terms."""
    lines = ["# Glossary", "", INTRODUCTION, ""]
    group = ""
    for entry in entries():
        if entry.group != group:
            group = entry.group
            lines += [f"## {group}", ""]
        lines += [f'<a id="{entry.anchor}"></a>**{entry.word}**{_also(entry)}', "", entry.text, ""]
        known = {other.word: other for other in entries()}
        links = ", ".join(f"[{word}](#{known[word].anchor})" for word in entry.see)
        lines += [f"*For example:* {entry.example}", "", f"See also: {links}", ""]
    return "\n".join(lines).rstrip() + "\n"


INTRODUCTION = (
    "The terms of the subject, explained in plain sentences, in an order that can be read from beginning to end.\n"
    "`neurosim glossary` lists them on the terminal, and `neurosim glossary epoch` explains one; the report of a "
    "run\nexplains the ones that it uses."
)


def _also(entry: Entry) -> str:
    forms = [form for form in entry.forms if form.lower() not in _variants(entry.word)]
    return f" (also: {', '.join(forms)})" if forms else ""


def _variants(word: str) -> set[str]:
    return {word.lower(), _plural(word).lower()}


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x")) else "s")


@cache
def _linked() -> dict[str, Entry]:
    """The names that are linked in a text, in lower case."""
    names: dict[str, Entry] = {}
    for entry in entries():
        for form in (entry.word, *entry.forms):
            for spelling in (form, _plural(form)):
                names.setdefault(spelling.lower(), entry)
    return names


@cache
def _pattern() -> re.Pattern[str]:
    # The longest first, so that "learning rate" is not taken for something shorter; a term may span two lines.
    words = sorted(_linked(), key=len, reverse=True)
    parts = (r"\s+".join(map(re.escape, word.split())) for word in words)
    return re.compile(rf"(?<![\w.\-/=`])(?:{'|'.join(parts)})(?![\w=/`]|[.\-]\w)", re.IGNORECASE)
