"""The page about one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurosim.errors import NeurosimError
from neurosim.files.atomic import write_atomically
from neurosim.formulas.javascript import Script
from neurosim.report import sections
from neurosim.report.live import live_data
from neurosim.report.page import page
from neurosim.report.words import Words
from neurosim.runs import Result
from neurosim.runs.belonging import made_in
from neurosim.runs.folder import PAGE, portable
from neurosim.training.simulator import Simulator
from neurosim.worksheet import Sheet, explain

# Terms in the moving drawings.
DRAWN = ("loss", "gradient", "epoch")


@dataclass(frozen=True)
class Prepared:
    """Everything on a page but its pictures, which may still be being drawn."""

    result: Result
    sheet: Sheet | None
    live: dict[str, Any]
    script: Script
    about: dict[str, Any]


def prepare_run_page(result: Result) -> Prepared:
    """Collect the contents of the page about a run."""
    script = Script()
    simulator = result.simulator
    return Prepared(
        result, _worksheet(simulator), live_data(simulator, script), script, made_in(result.folder, simulator.scenario)
    )


def run_page(prepared: Prepared, pictures: Sequence[Path]) -> str:
    """The page as HTML, with these pictures of the run in it."""
    result, simulator = prepared.result, prepared.result.simulator
    scenario = result.scenario.scenario
    words = Words()
    words.add(*DRAWN)
    about = {
        "scenario": scenario.name,
        "seed": str(simulator.seed),
        "backend": result.backend,
        "compiling": f"{result.seconds['compile']:.3g} s",
    }
    figures = sections.figures(sections.key_figures(result), words)
    entries = [
        ("lesson", "What to look for", sections.lesson(result.scenario, words, missed=not result.met)),
        ("results", "Results", _results(result)),
        ("watch", "Watch it learn", _live(prepared)),
        ("pictures", "Pictures", sections.pictures(pictures)),
        ("step", "One step by hand", sections.worksheet(prepared.sheet) if prepared.sheet else ""),
        ("network", "The network", sections.network(simulator, words)),
        ("words", "Glossary", words.section()),
        ("scenario", "The scenario", sections.scenario_text(portable(simulator.scenario).to_toml())),
        ("made", "How it was made", sections.provenance(prepared.about, about)),
    ]
    above = f"{scenario.name}, seed {simulator.seed}"
    return page(scenario.headline, above, entries, [prepared.live], prepared.script, figures)


def write_run_page(prepared: Prepared, pictures: Sequence[Path], folder: Path) -> Path:
    """Write ``report.html`` into the folder of a run; raises DataError when it cannot be written."""
    path = folder / PAGE
    write_atomically(path, run_page(prepared, pictures))
    return path


def _results(result: Result) -> str:
    return "\n".join(part for part in (sections.messages(result), sections.expectations(result.expectations)) if part)


def _live(prepared: Prepared) -> str:
    if not prepared.live["history"].get("epoch"):
        return ""
    words = (
        "Press Play or move the slider: all drawings below move to that epoch together. "
        "Point at a drawing to see its numbers."
        if len(prepared.live["epochs"]) > 1
        else "Nothing was recorded during this run, so only the curves can be shown: it was made without "
        "a page, or without the command neurosim run."
    )
    return sections.live(words)


def _worksheet(simulator: Simulator) -> Sheet | None:
    """The first step of the run, on a network of its own."""
    try:
        return explain(simulator.fresh())
    except NeurosimError:  # explain refuses some networks
        return None
