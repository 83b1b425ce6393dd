"""The page with the marks of a class, as a single file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurosim.markup import amount, escape, measure, measure_words, table
from neurosim.printable import label, printable
from neurosim.report.document import document
from neurosim.report.engine import asset

_NUMBERS = (0, 3, 4, 5, 6, 7, 8)


def class_page(title: str, words: str, rows: Sequence[Mapping[str, Any]], strangers: Sequence[str]) -> str:
    """The page.

    Parameters
    ----------
    title, words : str
        What stands above the table.
    rows : sequence of mappings
        As `neurosim.classroom.marking.records` has them.
    strangers : sequence of str
        Names of folders that belong to nobody in the class.
    """
    measured = next((row["measure"] for row in rows if row["measure"]), "")
    asks = any(row["page_asked"] for row in rows)
    name = measure_words(measured) if measured else "measure"
    header = ["", "student", "id", "worksheet", "page", name, "loss", "parameters", "epochs", "late", "remarks"]
    # A loss is not shown twice, nor a page that asks nothing.
    left_out = {"loss"} if measured.endswith("loss") else set()
    left_out |= set() if asks else {"page"}
    kept = [place for place, column in enumerate(header) if column not in left_out]
    cells = [_cells(row) for row in rows]
    shown = table(
        [header[place] for place in kept],
        [[row[place] for place in kept] for row in cells],
        [number for number, place in enumerate(kept) if place in _NUMBERS],
    )
    others = ", ".join(strangers)
    nobodys = f"<p>These belong to nobody in the class: {escape(others)}.</p>" if strangers else ""
    main = f"""<header>
<p class="soft">neurosim: marks of a class</p>
<h1>{escape(printable(title))}</h1>
<p>{escape(printable(words))}</p>
{_figures(rows)}
</header>
<div class="scroll marks">{shown}</div>
{nobodys}"""
    style = (
        asset("page.css")
        + ".marks td:nth-child(2) { white-space: nowrap; }\n.marks td:last-child { min-width: 18rem; }\n"
    )
    return document(title, main, ("marks", {}), style, [], kind="class")


def _cells(row: Mapping[str, Any]) -> list[str]:
    measured, value, loss = row["measure"], row["value"], row["loss"]
    return [
        str(row["rank"] or ""),
        label(row["name"]),
        "" if row["id"] == row["name"] else label(row["id"]),
        f"{row['answers_right']} of {row['answers_asked']}",
        f"{row['page_right']} of {row['page_asked']}",
        "" if value is None else measure(measured, value),
        "" if loss is None else amount(loss),
        "" if row["parameters"] is None else f"{row['parameters']:,}",
        "" if row["epochs"] is None else f"{row['epochs']:,}",
        "late" if row["late"] else "",
        printable(row["remarks"]),
    ]


def _figures(rows: Sequence[Mapping[str, Any]]) -> str:
    networks = sum(row["rank"] is not None for row in rows)
    given = sum(row["answers_given"] > 0 for row in rows)
    late = sum(row["late"] for row in rows)
    numbers = {"students": len(rows), "networks trained": networks, "worksheets with answers": given}
    numbers |= {"late": late} if late else {}
    items = "".join(f"<li><b>{number}</b>{escape(what)}</li>" for what, number in numbers.items())
    return f'<ul class="figures">{items}</ul>'
