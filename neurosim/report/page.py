"""The page about one run or several, as a single file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurosim.formulas.javascript import Script
from neurosim.markup import escape
from neurosim.report.document import document
from neurosim.report.engine import asset
from neurosim.report.sections import contents

# In the order of their dependencies.
SCRIPTS = (
    "basics",
    "lacking",
    "making",
    "network",
    "timeline",
    "curves",
    "layers",
    "confusion",
    "plane",
    "boundary",
    "hidden",
    "pointer",
    "main",
)


def page(
    title: str,
    above: str,
    entries: Sequence[tuple[str, str, str]],
    runs: Sequence[Mapping[str, Any]],
    script: Script,
    figures: str = "",
) -> str:
    """A whole page.

    Parameters
    ----------
    title, above : str
        Its title, and what stands above it.
    entries : sequence of (str, str, str)
        The sections: name, heading and HTML.
    runs : sequence of mappings
        What the live part draws.
    script : Script
        The formulas that the live part evaluates.
    figures : str
        HTML below the title.
    """
    main = f"""<header>
<p class="soft">neurosim: {escape(above)}</p>
<h1>{escape(title)}</h1>
{figures}
</header>
{contents(entries)}"""
    parts = [asset(f"{name}.js") for name in SCRIPTS]
    return document(
        title, main, ("recorded", {"runs": runs}), asset("page.css"), [*parts[:-1], script.source, parts[-1]]
    )
