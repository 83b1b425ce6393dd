"""The table, the JSON, and the figures in the README."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from outcome import Outcome, Row

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
HEADINGS = ("work", "measured", "target", "met", "median (fastest to slowest round)", "against")


def cells(row: Row) -> tuple[str, ...]:
    """One line of the table as texts."""
    measured = "not measured" if row.value is None else _number(row.value, row.unit)
    target = ""
    if row.target is not None:
        target = f"{'at most' if row.at_most else 'at least'} {row.target:g}{_unit(row.unit)}"
    met = {True: "yes", False: "NO", None: "-"}[row.met]
    return (row.work, measured, target, met, row.ours, row.theirs)


def plain_table(outcomes: Mapping[str, Outcome]) -> str:
    """For a terminal: the essentials in columns, with the times below each line."""
    lines = [cells(row) for outcome in outcomes.values() for row in outcome.rows]
    table = [HEADINGS[:4], *(line[:4] for line in lines)]
    widths = [max(len(line[k]) for line in table) for k in range(4)]
    text = []
    for number, line in enumerate(table):
        text.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        behind = lines[number - 1][4:] if number else ()
        text += [f"    {entry}" for entry in behind if entry]
    return "\n".join(text)


def details(outcomes: Mapping[str, Outcome]) -> str:
    """First calls, spread, contenders left out, notes: one line each."""
    lines = []
    for piece, outcome in outcomes.items():
        for name, seconds in outcome.first_seconds.items():
            taken = outcome.samples.get(name)
            spread = f"; spread {taken.spread:.0%} of the median" if taken is not None else ""
            lines.append(f"{piece}: {name}: set-up and first call, compiling included, {seconds:.2f} s{spread}")
        lines += [f"{piece}: {name}: left out: {why}" for name, why in outcome.skipped.items()]
        lines += [f"{piece}: {note}" for note in outcome.notes]
    return "\n".join(lines)


def as_json(outcomes: Mapping[str, Outcome], machine: Mapping[str, str], command: str) -> dict[str, Any]:
    """Everything that was measured."""
    pieces = {}
    for name, outcome in outcomes.items():
        pieces[name] = {
            "rows": [{**asdict(row), "met": row.met} for row in outcome.rows],
            "seconds": {
                contender: {"median": taken.median, "low": taken.low, "high": taken.high, "rounds": taken.seconds}
                for contender, taken in outcome.samples.items()
            },
            "first_seconds": outcome.first_seconds,
            "validation": outcome.validation,
            "skipped": outcome.skipped,
            "notes": outcome.notes,
        }
    return {"command": command, "machine": dict(machine), "pieces": pieces}


def markdown(outcomes: Mapping[str, Outcome], machine: Mapping[str, str], command: str) -> str:
    """The same for the README."""
    lines = [" | ".join(cells(row)) for outcome in outcomes.values() for row in outcome.rows]
    facts = ", ".join(value if name == "processor" else f"{name} {value}" for name, value in machine.items())
    left_out = [f"* left out: {name}: {why}" for outcome in outcomes.values() for name, why in outcome.skipped.items()]
    return "\n".join(
        [
            f"Measured with `{command}` on: {facts}.",
            "",
            f"| {' | '.join(HEADINGS)} |",
            "|" + "---|" * len(HEADINGS),
            *(f"| {line} |" for line in lines),
            *(["", *left_out] if left_out else []),
        ]
    )


def write_readme(path: Path, text: str) -> None:
    """Put the figures between the marks in the README; raises ValueError if it has none."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} has no {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def _number(value: float, unit: str) -> str:
    digits = f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return digits + _unit(unit)


def _unit(unit: str) -> str:
    return unit if unit in ("x", "%", "") else f" {unit}"
