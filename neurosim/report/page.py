"""The page as one file: nothing is loaded from elsewhere, and its policy forbids it to.

The policy names the very style and script that are in the file by their SHA-256, so nothing else runs, whatever
a text of a scenario may hold.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from neurosim.formulas.javascript import Script
from neurosim.markup import escape

# In the order in which they need each other.
SCRIPTS = (
    "basics",
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


def page(title: str, body: str, recorded: Mapping[str, Any], script: Script) -> str:
    """A whole page: the sections of `body`, and what its live part draws."""
    style = _asset("page.css")
    code = _code(script)
    policy = (
        f"default-src 'none'; script-src '{_hash(code)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    # Nothing in the data can end the element that holds them.
    data = json.dumps(recorded, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
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
{body}
</main>
<div id="tip" role="status" hidden></div>
<script type="application/json" id="recorded">{data}</script>
<script>{code}</script>
</body>
</html>
"""


def _code(script: Script) -> str:
    parts = [_asset(f"{name}.js") for name in SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join([*parts[:-1], script.source, parts[-1]]) + "})();\n"


@cache
def _asset(name: str) -> str:
    return files("neurosim.report").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
