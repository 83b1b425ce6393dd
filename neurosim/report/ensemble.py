"""The page about a run with many seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurosim.files.atomic import write_atomically
from neurosim.formulas.javascript import Script
from neurosim.markup import escape, measure_words, table
from neurosim.report import sections
from neurosim.report.page import page
from neurosim.report.words import Words
from neurosim.runs.belonging import made_in
from neurosim.runs.folder import PAGE, portable
from neurosim.scenario import Scenario
from neurosim.training.success import shown, verdict

SPREADS = {"epochs_to_success": "epochs to success", "final_train_loss": "final loss"}


def write_ensemble_page(scenario: Scenario, summary: Mapping[str, Any], pictures: Sequence[Path], folder: Path) -> Path:
    """Write ``report.html`` for a run with many seeds; raises DataError when it cannot be written.

    `summary` is the object that ``neurosim run --seeds N --json`` prints.
    """
    about = scenario.scenario
    words = Words()
    first, last = summary["seeds"]
    numbers = {"networks": f"{summary['networks']:,}", "seeds": f"{first} to {last}"}
    if summary["expects"] == "failure":
        numbers["learned it"] = f"{summary['successes']:,}"
        numbers |= {f"best {measure_words(name)}": shown(name, value) for name, value in summary["best"].items()}
    elif summary["success_rate"] is not None:
        low, high = summary["success_interval"]
        numbers |= {
            "met every expectation": f"{summary['success_rate']:.1%}",
            "95% interval": f"{low:.1%} to {high:.1%}",
        }
    if summary["diverged"]:
        numbers["diverged"] = f"{summary['diverged']:,}"
    sentence = verdict(summary)
    spreads = {words: summary[name] for name, words in SPREADS.items() if summary[name] is not None}
    header = list(next(iter(spreads.values()))) if spreads else []
    rows = [[words, *(f"{spread[name]:.4g}" for name in header)] for words, spread in spreads.items()]
    outcome = f"<p>{escape(sentence[0].upper() + sentence[1:])}.</p>"
    for what, remark in summary.get("remarks", {}).items():
        outcome += f"\n<p>{escape(what.capitalize())}: {escape(remark)}.</p>"
    if rows:
        outcome += "\n" + table(["", *header], rows, range(1, len(header) + 1))
    figures = sections.figures(numbers, words)
    entries = [
        ("lesson", "What to look for", sections.lesson(scenario, words, missed=False)),
        ("results", "Over the seeds", outcome),
        ("pictures", "Pictures", sections.pictures(pictures)),
        ("words", "Glossary", words.section()),
        ("scenario", "The scenario", sections.scenario_text(portable(scenario).to_toml())),
        ("made", "How it was made", sections.provenance(made_in(folder, scenario), {"scenario": about.name})),
    ]
    above = f"{about.name}, {summary['networks']:,} networks"
    path = folder / PAGE
    write_atomically(path, page(about.headline, above, entries, [], Script(), figures))
    return path
