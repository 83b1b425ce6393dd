"""The sections of a page that do not move: results, pictures, worksheet, network, scenario, provenance."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurosim.analysis.architecture import architecture
from neurosim.markup import escape, measure, measure_words, table
from neurosim.report.words import Words
from neurosim.runs import Expectation, Result
from neurosim.scenario import Scenario
from neurosim.scenario.pictures import PICTURES, SEVERAL, Picture
from neurosim.training.history import metrics_in
from neurosim.training.measures import JUDGED_BY
from neurosim.training.simulator import Simulator
from neurosim.worksheet import Sheet

KINDS = {".png": "image/png", ".svg": "image/svg+xml"}


def section(name: str, title: str, body: str) -> str:
    """A section with its heading; empty if there is nothing in it."""
    return f'<section id="{name}">\n<h2>{escape(title)}</h2>\n{body}\n</section>' if body else ""


def contents(sections: Sequence[tuple[str, str, str]]) -> str:
    """Links to the sections that are not empty, then the sections."""
    there = [entry for entry in sections if entry[2]]
    links = "\n".join(f'<a href="#{name}">{escape(title)}</a>' for name, title, _ in there)
    return f'<nav aria-label="On this page">\n{links}\n</nav>\n' + "\n".join(section(*entry) for entry in there)


def lesson(scenario: Scenario, words: Words, *, missed: bool) -> str:
    """What to look for, after a note if what was run is not what the lesson is about."""
    text = scenario.scenario.lesson
    note = scenario.lesson_note(missed=missed) if text else ""
    return (f'<p class="note">{escape(note)}</p>\n' if note else "") + words.paragraphs(text)


def live(words: str) -> str:
    """The place of the drawings that move, after `words`."""
    return f'<p>{words}</p>\n<div id="live"></div>\n<noscript><p>The moving part needs JavaScript.</p></noscript>'


def figures(numbers: Mapping[str, str], words: Words) -> str:
    """A row of numbers with their names."""
    items = "\n".join(f"<li>{words.text(name)} <b>{escape(value)}</b></li>" for name, value in numbers.items())
    return f'<ul class="figures">\n{items}\n</ul>'


def key_figures(result: Result) -> dict[str, str]:
    """The outcome of a run, in a few numbers."""
    metrics = result.metrics
    found = {}
    own = [name.partition("_")[2] for name in metrics_in(metrics)]
    for split in JUDGED_BY:
        for name in dict.fromkeys(["accuracy", "r2", "rmse", *own, "loss"]):
            value = metrics.get(f"{split}_{name}")
            if value is not None:
                shown = (
                    f"{value:.4g}"
                    if name in ("loss", "r2", *own) and not name.endswith("accuracy")
                    else measure(name, value)
                )
                found[measure_words(f"{split}_{name}")] = shown
    found["epochs"] = f"{len(result.history):,}"
    found["parameters"] = f"{result.simulator.network.size:,}"
    found["training"] = f"{result.seconds['train']:.3g} s"
    return found


def expectations(found: Sequence[Expectation]) -> str:
    """The promises of the scenario, and whether they were kept."""
    lines = []
    for promise in found:
        value = "there is no such measure" if promise.value is None else f"it is {promise.value:.6g}"
        outcome = '<span class="met">met</span>' if promise.met else '<span class="missed">missed</span>'
        lines.append(f"<li>{escape(promise.text)}: {outcome} ({value})</li>")
    return f"<h3>What the scenario promised</h3>\n<ul>\n{chr(10).join(lines)}\n</ul>" if lines else ""


def messages(result: Result) -> str:
    """Remarks about the measures, why training stopped, and which weights were kept."""
    lines = [f"{what.capitalize()}: {words}." for what, words in result.remarks.items()]
    lines += [f"{what.capitalize()} {words}." for what, words in result.simulator.watch.messages.items()]
    return "\n".join(f"<p>{escape(line)}</p>" for line in lines)


def pictures(paths: Sequence[Path]) -> str:
    """The pictures of a run folder, put into the page under the headings of their records."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        if path.suffix in KINDS:
            picture = PICTURES.get(path.stem) or SEVERAL.get(path.stem) or Picture(path.stem, "")
            groups.setdefault(picture.heading, []).append(_figure(path, picture.shows))
    return "\n".join(
        (f"<h3>{escape(heading)}</h3>\n" if heading else "") + f'<div class="pictures">\n{chr(10).join(lines)}\n</div>'
        for heading, lines in groups.items()
    )


def _figure(path: Path, caption: str) -> str:
    words = caption or path.stem.replace("_", " ").replace("-", " ")
    words = escape(words[0].upper() + words[1:])
    content = base64.b64encode(path.read_bytes()).decode()
    image = f'<img alt="{words}" src="data:{KINDS[path.suffix]};base64,{content}">'
    # Lessons speak of pictures by the names of their files.
    name = f'<span class="file">({escape(path.name)})</span>'
    return f'<figure id="picture-{escape(path.stem)}">{image}<figcaption>{words} {name}</figcaption></figure>'


def worksheet(sheet: Sheet) -> str:
    """One step with all its numbers, folded away."""
    about = (
        "The first training step on one sample, with every number: forward, loss, backward, update, and a check. "
        "The command neurosim explain prints it for other samples and later steps, or a short one along a single path."
    )
    body = f'<div class="worksheet">{sheet.fragment()}</div>'
    return f"<p>{about}</p>\n<details>\n<summary>Show the step</summary>\n{body}\n</details>"


def network(simulator: Simulator, words: Words) -> str:
    """The layers as a table."""
    found = architecture(simulator.network, simulator.training, len(simulator.data.train))
    rows = [
        [
            "\u00a0\u00a0" * layer.depth + layer.name,
            layer.kind.replace("_", " "),
            layer.settings,
            " x ".join(map(str, layer.output_shape)),
            f"{layer.parameters:,}",
            f"{layer.multiply_adds:,}",
        ]
        for layer in found.layers
    ]
    header = ["layer", "kind", "settings", "output", "parameters", "multiply-adds per row"]
    total = ["total", "", "", "", f"{found.parameters:,}", f"{found.multiply_adds:,}"]
    shape = " x ".join(map(str, found.input_shape))
    shown = table(header, [*rows, total], (4, 5), f"Input: {shape}")
    optimizer = simulator.scenario.optimizer
    rate = getattr(optimizer, "lr", None)
    about = f"Loss {simulator.network.loss.name}; optimizer {optimizer.name}" + (
        f", learning rate {rate:g}" if rate else ""
    )
    batches = f"{simulator.training.batch_size:,}"
    if simulator.training.batch_schedule is not None:
        sizes = [simulator.course.batch(epoch) for epoch in range(simulator.training.epochs)] or [0]
        batches = f"{min(sizes):,} to {max(sizes):,}"
    rows_words = f"; {len(simulator.data.train):,} training rows in batches of {batches}"
    rows_words += ", whose losses are weighted" if simulator.data.train.weights.size else ""
    return f'<p>{words.text(about + rows_words)}.</p>\n<div class="scroll">{shown}</div>'


def scenario_text(text: str) -> str:
    """The scenario as it was run."""
    about = "As it was run, with all defaults written out; neurosim run trains it again, with the same result."
    return f"<p>{about}</p>\n<details>\n<summary>Show the file</summary>\n<pre>{escape(text)}</pre>\n</details>"


def provenance(about: Mapping[str, Any], rows: Mapping[str, str]) -> str:
    """Versions, machine and plugins, after `rows`."""
    found = dict(rows)
    found |= {name: str(version) for name, version in about.get("versions", {}).items()}
    found |= {name: str(value) for name, value in about.get("machine", {}).items()}
    for plugin in about.get("plugins", []):
        found[f"plugin {plugin['name']}"] = f"{plugin['version']}, SHA-256 {plugin['sha256']}"
    return f'<div class="scroll">{table([], [[name, value] for name, value in found.items()])}</div>'
