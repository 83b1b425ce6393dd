"""The page about several runs: how they differ, and how they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurosim.analysis.conditions import small_hidden_space
from neurosim.files.atomic import write_atomically
from neurosim.formulas.javascript import Script
from neurosim.markup import escape, table
from neurosim.printable import label as shown
from neurosim.report import sections
from neurosim.report.comparison import Comparison, by_label, compare, outcome_rows, setting_rows
from neurosim.report.live import live_data
from neurosim.report.page import page
from neurosim.report.run import DRAWN
from neurosim.report.words import Words
from neurosim.runs import Result
from neurosim.runs.belonging import made_in
from neurosim.runs.folder import PAGE, portable, provenance
from neurosim.runs.results import study_expectations
from neurosim.scenario import Scenario

# With more runs, the drawings would be too small to see.
MOST_DRAWN = 24
# Letters of a setting that are shown.
LONGEST = 100
# Each run has a drawing of its hidden space too.
MOST_HIDDEN = 6


def write_study_page(scenario: Scenario, results: Sequence[Result], pictures: Sequence[Path], folder: Path) -> Path:
    """Write ``report.html`` for a study of several runs; raises DataError when it cannot be written."""
    comparison = compare(results, of_one_study=True)
    about = scenario.scenario
    words = Words()
    words.add(*DRAWN)
    promises = study_expectations(scenario, results)
    missed = not all(promise.met for promise in promises)
    still = [
        ("lesson", "What to look for", sections.lesson(scenario, words, missed=missed)),
        ("results", "Results", _outcome(comparison) + _remarks(comparison) + sections.expectations(promises)),
        ("differs", "What differs", _differing(comparison)),
        ("watch", "Watch them learn", ""),
        ("pictures", "Pictures", sections.pictures(pictures)),
        ("words", "Glossary", words.section()),
        ("scenario", "The scenario", sections.scenario_text(portable(scenario).to_toml())),
        ("made", "How it was made", sections.provenance(_made(scenario, results), {"scenario": about.name})),
    ]
    return _write(about.headline, about.name, comparison, still, folder)


def _made(scenario: Scenario, results: Sequence[Result]) -> dict[str, Any]:
    """Versions and machine of the first run of a study, and the plugins of all."""
    return {**made_in(results[0].folder, scenario), "plugins": provenance(scenario)["plugins"]}


def write_comparison_page(comparison: Comparison, title: str, pictures: Sequence[Path], folder: Path) -> Path:
    """Write ``report.html`` for runs that were trained one by one; raises DataError when it cannot be written."""
    words = Words()
    words.add(*DRAWN)
    about = {run.label: str(run.folder) for run in comparison.runs if run.folder is not None}
    first = comparison.runs[0].result
    still = [
        ("lesson", "What to look for", _lesson(comparison, words)),
        ("results", "Results", _outcome(comparison) + _remarks(comparison)),
        ("differs", "What differs", _differing(comparison)),
        ("watch", "Watch them learn", ""),
        ("pictures", "Pictures", sections.pictures(pictures)),
        ("words", "Glossary", words.section()),
        ("made", "How it was made", sections.provenance(made_in(first.folder, first.scenario), about)),
    ]
    return _write(title, f"{len(comparison.runs)} runs", comparison, still, folder)


def _lesson(comparison: Comparison, words: Words) -> str:
    """The lesson that all runs share, and whether some are not what it is about."""
    results = [run.result for run in comparison.runs]
    if len({result.scenario.scenario.lesson for result in results}) != 1:
        return ""
    noted = [result.scenario.lesson_note(missed=not result.met) for result in results]
    lesson = words.paragraphs(results[0].scenario.scenario.lesson)
    if not lesson or not any(noted):
        return lesson
    return f'<p class="note">Some of these runs are not what the lesson is about: see what differs.</p>\n{lesson}'


def _write(title: str, above: str, comparison: Comparison, still: Sequence[tuple[str, str, str]], folder: Path) -> Path:
    script = Script()
    firsts = [(label, runs[0].result.simulator) for label, runs in by_label(comparison).items()]
    # All of them or none: a gap would look like a bug.
    hidden = len(firsts) <= MOST_HIDDEN and all(small_hidden_space(simulator) for _, simulator in firsts)
    live = [
        live_data(simulator, script, label, inside=False, hidden=hidden) for label, simulator in firsts[:MOST_DRAWN]
    ]
    still = [(name, heading, _live(live, comparison) if name == "watch" else body) for name, heading, body in still]
    path = folder / PAGE
    write_atomically(path, page(title, above, still, live, script))
    return path


def _outcome(comparison: Comparison) -> str:
    header, *rows = zip(("run", *by_label(comparison)), *outcome_rows(comparison), strict=True)
    return f'<div class="scroll">{table(header, rows, range(1, len(header)))}</div>'


def _remarks(comparison: Comparison) -> str:
    return "\n".join(f"<p>{escape(remark)}</p>" for remark in comparison.remarks)


def _differing(comparison: Comparison) -> str:
    if not comparison.differing:
        return "<p>All settings are the same.</p>"
    cells = [[shown(value, LONGEST) for value in values] for _, *values in setting_rows(comparison)]
    rows = list(zip(by_label(comparison), *cells, strict=True))
    return f'<div class="scroll">{table(["run", *headings(comparison.differing)], rows)}</div>'


def headings(keys: Sequence[str]) -> list[str]:
    """Settings by the shortest end of their key that no other one has, and that does not begin with a number."""
    parts = [key.split(".") for key in keys]
    return [
        next(
            (
                ".".join(own[-count:])
                for count in range(1, len(own))
                if not own[-count].isdecimal() and sum(each[-count:] == own[-count:] for each in parts) == 1
            ),
            key,
        )
        for key, own in zip(keys, parts, strict=True)
    ]


def _live(live: Sequence[Mapping[str, Any]], comparison: Comparison) -> str:
    groups = by_label(comparison)
    words = "The curves of all runs" if len(groups) <= len(live) else f"The curves of the first {len(live)} runs"
    if any(len(runs) > 1 for runs in groups.values()):
        words += " (the first seed of each)"
    words += ". Press Play or move the slider: all drawings move to that epoch together" * any(
        len(run["epochs"]) > 1 for run in live
    )
    words += ". Point at a drawing to see its numbers."
    return sections.live(words)
