"""The HTML file of a page: it loads nothing from elsewhere, and its policy forbids it to.

The policy names the style and the script in the file by their SHA-256, so nothing else runs, whatever the texts of a
scenario contain.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from neurosim.markup import escape


def document(
    title: str,
    main: str,
    data: tuple[str, Mapping[str, Any]],
    style: str,
    parts: Iterable[str],
    *,
    allowed: str = "",
    compiles: bool = False,
    kind: str = "",
) -> str:
    """A whole file.

    Parameters
    ----------
    title : str
        Its title.
    main : str
        The HTML of its main element.
    data : (str, mapping)
        The id of an element, and what the script finds in it as JSON.
    style : str
        The style sheet.
    parts : iterable of str
        The modules of the script, in the order of their dependencies.
    allowed : str
        What the policy allows besides pictures in the file, such as ``worker-src blob:;``.
    compiles : bool
        Whether the script may make WebAssembly.
    kind : str
        The class of the body.
    """
    code = '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
    scripts = f"'{_hashed(code)}'" + (" 'wasm-unsafe-eval'" if compiles else "")
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src '{_hashed(style)}'; img-src data:; "
        f"{allowed}base-uri 'none'; form-action 'none'"
    )
    place, content = data
    # Nothing in the data can close the element that holds them.
    text = json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
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
<body{f' class="{kind}"' if kind else ""}>
<main>
{main}
</main>
<div id="tip" role="status" hidden></div>
<script type="application/json" id="{place}">{text}</script>
<script>{code}</script>
</body>
</html>
"""


def _hashed(text: str) -> str:
    """What a policy calls a script or a style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
