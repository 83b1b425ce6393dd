"""Who writes a plugin, for its pyproject.toml and its license."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass

from neurosim.errors import UsageError

UNKNOWN = "Your Name"


@dataclass(frozen=True)
class Author:
    """A name, and an address if one is given."""

    name: str
    email: str = ""

    @property
    def toml(self) -> str:
        """As an entry of `authors` in a pyproject.toml."""
        entries = {"name": self.name, "email": self.email}
        # JSON's texts are TOML's too.
        inside = ", ".join(f"{key} = {json.dumps(text, ensure_ascii=False)}" for key, text in entries.items() if text)
        return f"{{ {inside} }}"


def author(text: str | None) -> Author:
    """The author from ``Name <address>`` or a name; if None, the one that Git knows, else a name to be replaced.

    Raises
    ------
    UsageError
        For a text that is no name.
    """
    if text is None:
        return Author(_git_name() or UNKNOWN)
    found = re.fullmatch(r"\s*([^<>]*[^<>\s])\s*(?:<([^<>\s@]+@[^<>\s@]+)>)?\s*", text)
    if found is None or not text.isprintable():
        hint = 'Write --author "Ada Lovelace" or --author "Ada Lovelace <ada@example.org>".'
        raise UsageError(f"{text!r} names no author", hint)
    return Author(found[1], found[2] or "")


def _git_name() -> str:
    try:
        done = subprocess.run(
            ["git", "config", "user.name"], capture_output=True, text=True, encoding="utf-8", timeout=5, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    name = done.stdout.strip()
    return name if name.isprintable() else ""
