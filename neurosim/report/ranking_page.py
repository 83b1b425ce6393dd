"""The page about a ranking, as a single file: a table, the settings beside one another, and what matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurosim.markup import escape, measure, measure_words
from neurosim.report.comparison_page import headings
from neurosim.report.document import document
from neurosim.report.engine import asset
from neurosim.report.sections import contents

# In the order of their dependencies.
SCRIPTS = (
    "basics", "rank/axes", "rank/runs", "rank/table", "rank/limits", "rank/coordinates", "rank/importance",
    "rank/start",
)  # fmt: skip
NO_SCRIPT = "<noscript><p>This page needs JavaScript; <code>neurosim rank</code> prints the table.</p></noscript>"


def ranking_page(title: str, data: Mapping[str, Any]) -> str:
    """The page, of what `neurosim.sweeps.leaderboard.page_data` gives."""
    axes = data["axes"]
    shorts = headings([axis["name"].removesuffix(".name") for axis in axes])
    given = {
        **data,
        "words": "outcome" if data["measure"] is None else measure_words(data["measure"]),
        "axes": [{**axis, "short": short} for axis, short in zip(axes, shorts, strict=True)],
    }
    entries = [
        ("settings", "Settings and outcome", '<div id="coordinates"></div>' if axes else ""),
        ("ranking", "Ranking", '<div id="table"></div>' + NO_SCRIPT),
        ("importance", "What matters", f'<p>{escape(data["importance"]["words"])}</p>\n<div id="bars"></div>'),
    ]
    remarks = "\n".join(f"<p>{escape(remark)}</p>" for remark in data["remarks"])
    main = f"""<header>
<p class="soft">neurosim: runs that differ in their seed only are one row</p>
<h1>{escape(title)}</h1>
{_figures(data)}
{_best(data, shorts)}
{remarks}
</header>
{contents(entries)}"""
    return document(
        title,
        main,
        ("given", given),
        asset("page.css") + asset("rank.css"),
        [asset(f"{name}.js") for name in SCRIPTS],
        kind="rank",
    )


def _figures(data: Mapping[str, Any]) -> str:
    """The best measure, and how much was tried."""
    failed = sum(row["failed"] for row in data["rows"])
    numbers = {"networks": f"{data['networks']:,}", "trials": f"{data['count']:,}"}
    numbers |= {"failed": f"{failed:,}"} if failed else {}
    for key in ("parameters", "multiply_adds"):
        same = {row[key] for row in data["rows"]} - {None}
        # Where they differ, the table has them.
        numbers |= {key.replace("_", "-"): f"{same.pop():,}"} if len(same) == 1 else {}
    name, first = data["measure"], data["rows"][0] if data["rows"] else None
    if name is not None and first is not None:
        half = "" if first["half"] is None else f" ± {measure(name, first['half'])}"
        numbers = {f"best {measure_words(name)}": measure(name, first["mean"]) + half, **numbers}
    items = "\n".join(f"<li>{escape(label)} <b>{escape(value)}</b></li>" for label, value in numbers.items())
    return f'<ul class="figures">\n{items}\n</ul>'


def _best(data: Mapping[str, Any], shorts: Sequence[str]) -> str:
    """The settings of the best, in a sentence."""
    if data["measure"] is None:
        return "<p>All of them failed.</p>"
    pairs = zip(shorts, data["axes"], data["rows"][0]["settings"], strict=True)
    settings = [
        f"{short} {axis['categories'][int(value)] if 'categories' in axis else f'{value:.6g}'}"
        for short, axis, value in pairs
        if value is not None and not axis["along"]
    ]
    return f"<p>The best: {escape(', '.join(settings))}.</p>" if settings else ""
