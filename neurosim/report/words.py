"""The glossary's words on a page: each links to its entry, which is on the same page."""

from __future__ import annotations

from neurosim.markup import escape
from neurosim.report.glossary import Entry, entries, mentions


class Words:
    """Collects the words of a page; `section` explains those that were used."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def text(self, text: str) -> str:
        """A text as HTML, with each word linked where it first occurs."""
        found, end, linked = [], 0, set[str]()
        for start, stop, entry in mentions(text):
            if entry.word in linked:
                continue
            linked.add(entry.word)
            found += [escape(text[end:start]), _link(entry, text[start:stop])]
            end = stop
        self._used |= linked
        return "".join([*found, escape(text[end:])])

    def paragraphs(self, text: str) -> str:
        """Text with empty lines between its paragraphs; a word is linked where it first occurs in all of it."""
        plain = "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))
        # No word spans two paragraphs.
        return "\n".join(f"<p>{part}</p>" for part in self.text(plain).split("\n\n") if part)

    def add(self, *words: str) -> None:
        """Words that are used on the page without a link, such as those in drawings."""
        self._used.update(words)

    def section(self) -> str:
        """The entries of all words that were used, in the order of the glossary; empty if there are none."""
        used = [entry for entry in entries() if entry.word in self._used]
        anchors = {entry.word: entry.anchor for entry in used}
        lines = [_entry(entry, anchors) for entry in used]
        if not lines:
            return ""
        about = "What the terms on this page mean. The command neurosim glossary explains these and others."
        return f'<p>{about}</p>\n<dl class="glossary">\n' + "\n".join(lines) + "\n</dl>"


def _link(entry: Entry, shown: str) -> str:
    return f'<a class="word" href="#{entry.anchor}" title="{escape(entry.short)}">{escape(shown)}</a>'


def _entry(entry: Entry, anchors: dict[str, str]) -> str:
    see = ", ".join(
        f'<a href="#{anchors[word]}">{escape(word)}</a>' if word in anchors else escape(word) for word in entry.see
    )
    example, also = f"For example: {escape(entry.example)}", f"See also: {see}"
    return (
        f'<div id="{entry.anchor}"><dt>{escape(entry.word)}</dt>\n<dd>{escape(entry.text)} '
        f'<span class="soft">{example}</span>\n<span class="soft">{also}</span></dd></div>'
    )
