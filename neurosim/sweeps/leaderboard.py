"""What a page about a ranking shows: its rows, its trials, what differs among them, and where their runs are."""

from __future__ import annotations

import itertools
import json
import math
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from neurosim.printable import command, label, printable, shared
from neurosim.runs.folder import PAGE
from neurosim.sweeps.entries import Entry
from neurosim.sweeps.importance import Importance
from neurosim.sweeps.ranking import Place, Table, going_along

# Of more rows or trials, a page has the best so many rows, and of their trials every other, every third, ...
MOST_ROWS, MOST_TRIALS = 5_000, 20_000
# Only values whose largest is so many times the smallest are drawn by their powers of ten.
WIDE = 10.0
LONGEST = 60
_NUMBER, _LOG, _CATEGORY = "number", "log", "category"


def page_data(table: Table, found: Importance, folder: Path) -> dict[str, Any]:
    """What the script of the page in this folder is given.

    Values are numbers, or places in the list of an axis's categories; None where there is none.
    """
    places = table.places[:MOST_ROWS]
    keys = list(dict.fromkeys(key for place in table.places for key in place.settings))
    axes = {key: _axis([place.settings.get(key) for place in places]) for key in keys}
    along = set(going_along(table))
    trials = [(row, entry) for row, place in enumerate(places) for entry in place.entries]
    every = max(1, -(-len(trials) // MOST_TRIALS))
    shown = trials[::every]
    count = sum(len(place.entries) for place in table.places)
    remarks = [*table.remarks, *_cut(len(places), len(table.places), len(shown), count)]
    values = [_measure(entry, table.measure) for _, entry in shown]
    links, commands = (
        zip(*(_whereabouts(entry.folder, folder) for _, entry in shown), strict=True) if shown else ((), ())
    )
    shares = table.measure is not None and table.measure.endswith("accuracy")
    return {
        "measure": table.measure,
        "percent": shares,
        "smaller": not table.rises,
        "log": not shares and all(value is None or value > 0 for value in values) and _is_log(values),
        "networks": len(table.places),
        "count": count,
        "remarks": remarks,
        "axes": [{"name": key, "along": key in along, **axis} for key, (axis, _) in axes.items()],
        "rows": [_row(place, [codes[number] for _, codes in axes.values()]) for number, place in enumerate(places)],
        "trials": {
            "row": [row for row, _ in shown],
            "seed": [str(entry.seed) for _, entry in shown],
            "value": values,
            "seconds": [entry.seconds for _, entry in shown],
            "reason": [label(entry.reason, LONGEST * 4) if entry.reason else "" for _, entry in shown],
            # True for a page, False for a folder, None where there is no run.
            "page": [None if entry.folder is None else (entry.folder / PAGE).is_file() for _, entry in shown],
            "link": _apart(links),
            "command": _apart(commands),
        },
        "importance": found.as_json(),
    }


def _cut(rows: int, of_rows: int, trials: int, of_trials: int) -> list[str]:
    found = []
    if rows < of_rows:
        found.append(f"The page has the best {rows:,} of {of_rows:,} rows.")
    if trials < of_trials:
        found.append(
            f"Of {of_trials:,} trials, {trials:,} are shown, evenly chosen; means, intervals and tests are of all."
        )
    return found


def _measure(entry: Entry, name: str | None) -> float | None:
    value = None if name is None or entry.reason else entry.final.get(name)
    return value if value is not None and math.isfinite(value) else None


def _row(place: Place, values: Sequence[float | None]) -> dict[str, Any]:
    return {
        "settings": values,
        "mean": place.mean,
        "half": place.half,
        "n": len(place.finished),
        "failed": len(place.failed),
        "p": place.p,
        "holm": place.adjusted,
        "parameters": place.parameters,
        "multiply_adds": place.multiply_adds,
        "seconds": place.seconds,
    }


def _axis(values: Sequence[Any]) -> tuple[dict[str, Any], list[float | None]]:
    """The kind of an axis with its categories, and the values as numbers."""
    there = [value for value in values if value is not None]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in there):
        numbers = [None if value is None else _finite(value) for value in values]
        return {"kind": _LOG if _is_log(numbers) else _NUMBER}, numbers
    texts = [None if value is None else _text(value) for value in values]
    categories = list(dict.fromkeys(sorted(text for text in texts if text is not None)))
    code = {text: float(number) for number, text in enumerate(categories)}
    shown = [label(text, LONGEST) if text else "(empty)" for text in categories]
    return {"kind": _CATEGORY, "categories": shown}, [None if text is None else code[text] for text in texts]


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _is_log(values: Sequence[float | None]) -> bool:
    """Whether values look like those of a logarithmic range: steps of one factor, or more even by their logarithms."""
    different = sorted({value for value in values if value is not None})
    # 0 lies beneath a logarithmic axis.
    different = different[1:] if different and different[0] == 0 else different
    if len(different) < 2 or different[0] <= 0:
        return False
    factors = [after / before for before, after in itertools.pairwise(different)]
    if len(factors) > 1 and math.log(max(factors)) <= 1.001 * math.log(min(factors)):
        return True
    low, middle, high = different[0], statistics.median(different), different[-1]
    linear, logarithmic = (middle - low) / (high - low), math.log(middle / low) / math.log(high / low)
    return high >= WIDE * low and abs(logarithmic - 0.5) < abs(linear - 0.5)


def _whereabouts(run: Path | None, folder: Path) -> tuple[str, str]:
    """The address of a run, seen from the folder of the page, and the command that makes its page.

    There is no address as long as there is no folder: one that is kept with others is made by the command.
    """
    if run is None:
        return "", ""
    if not run.is_dir():
        return "", printable(command("report", run))
    try:
        path = Path(os.path.relpath(run, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return run.resolve().as_uri(), command("report", run)
    # What has a colon before its first slash would be taken for a protocol.
    return "./" + quote(path, errors="surrogateescape"), printable(command("report", run))


def _apart(texts: Sequence[str]) -> dict[str, Any]:
    """Texts, and what all of them begin with."""
    size = shared(texts) if texts else 0
    return {"begins": texts[0][:size] if texts else "", "ends": [text[size:] for text in texts]}
