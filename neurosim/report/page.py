"""The page as a single file: it loads nothing from elsewhere, and its policy forbids it to.

The policy names the style and the script in the file by their SHA-256, so nothing else runs, whatever the texts of a
scenario contain.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from neurosim.formulas.javascript import Script
from neurosim.markup import escape
from neurosim.report.engine import asset
from neurosim.report.sections import contents

# In the order of their dependencies.
SCRIPTS = (
    "basics",
    "lacking",
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
    style = asset("page.css")
    code = _code(script)
    policy = (
        f"default-src 'none'; script-src '{hashed(code)}'; style-src '{hashed(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    # Nothing in the data can close the element that holds them.
    data = json.dumps({"runs": runs}, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<main>
<header>
<p class="soft">neurosim: {escape(above)}</p>
<h1>{escape(title)}</h1>
{figures}
</header>
{contents(entries)}
</main>
<div id="tip" role="status" hidden></div>
<script type="application/json" id="recorded">{data}</script>
<script>{code}</script>
</body>
</html>
"""


def _code(script: Script) -> str:
    parts = [asset(f"{name}.js") for name in SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join([*parts[:-1], script.source, parts[-1]]) + "})();\n"


def hashed(text: str) -> str:
    """What a policy calls a script or a style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
