"""``neurosim run a.toml b.toml``: several scenarios one after the other, ranked at the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from neurosim.analysis.ranking import Contender, Ranking, rank
from neurosim.cli.columns import columns
from neurosim.cli.door import echo
from neurosim.cli.drawing import drawing
from neurosim.cli.failures import failure_of
from neurosim.cli.options import Output, Presentation, print_json, say_notes
from neurosim.cli.sources import Sources
from neurosim.cli.training import DIVERGED, MISSED, train
from neurosim.cli.what_is_kept import what_is_kept
from neurosim.errors import NeurosimError
from neurosim.markup import measure, measure_words
from neurosim.printable import quoted
from neurosim.process.interruption import kept
from neurosim.runs import Result, RunOptions, Study, logged
from neurosim.runs.folder import folder_for
from neurosim.scenario import Scenario
from neurosim.training.history import METRICS, metrics_in


@dataclass
class Ran:
    """The outcome of one scenario.

    Attributes
    ----------
    label : str
        The scenario as it was named on the command line.
    folder : Path
        Its run folder.
    code : int
        The exit status that it would have had alone.
    networks : list of (Contender, Path)
        The networks that reached their end, with the folder of each.
    summary : dict
        The object that ``--json`` prints for it alone; empty where it failed.
    error : str
        Why it did not.
    """

    label: str
    folder: Path
    code: int = 0
    networks: list[tuple[Contender, Path]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    error: str = ""


def run_several(
    given: Sequence[str],
    settings: Sequence[str],
    sources: Sources,
    options: RunOptions,
    shown: Presentation,
) -> int:
    """Train every scenario, rank them by their outcomes, and return the exit status: the gravest of them all.

    Scenarios that cannot be read are reported before anything is trained; a run that fails leaves the others alone.
    """
    output = shown.output
    loaded = _loaded(given, settings, sources, quiet=output is Output.NOTHING)
    scenarios = [logged(scenario, options.log) for scenario in loaded]
    labels = [f"{name} ({given[:place].count(name) + 1})" if given.count(name) > 1 else name
              for place, name in enumerate(given)]  # fmt: skip
    folders = _folders(scenarios, options.target)
    done: list[Ran] = []
    try:
        for number, (label, scenario) in enumerate(zip(labels, scenarios, strict=True)):
            if output is Output.ALL:
                echo(f"{chr(10) if number else ''}[{number + 1}/{len(scenarios)}] {label}", bold=True)
            own = folders[number] if folders else None
            with folder_for(own, scenario.scenario.name) as folder, kept(partial(what_is_kept, folder)):
                ran = Ran(label, folder)
                own_output = Output.PROGRESS if output is Output.ALL else Output.NOTHING
                own_shown = replace(shown, output=own_output, label=label)
                _train(ran, scenario, replace(options, out=folder), own_shown)
            done.append(ran)
    except KeyboardInterrupt:
        if done and output is Output.ALL:
            _print(done)
        raise
    if output is Output.JSON:
        print_json(_as_json(done))
    elif output is Output.ALL:
        _print(done)
    # The smaller the status, the graver, except for 0.
    return min((ran.code for ran in done if ran.code), default=0)


def _loaded(given: Sequence[str], settings: Sequence[str], sources: Sources, *, quiet: bool) -> list[Scenario]:
    """All scenarios; raises one error for all that cannot be read."""
    scenarios, errors = [], []
    for name in given:
        try:
            scenarios.append(sources.scenario(name, settings, quiet=quiet))
            say_notes(scenarios[-1], quiet=quiet)
        except NeurosimError as error:
            errors.append(error)
    if errors:
        if len(errors) == 1:
            raise errors[0]
        raise type(errors[0])("\n".join(str(error) for error in errors), "Nothing was trained.")
    return scenarios


def _folders(scenarios: Sequence[Scenario], out: Path | None) -> list[Path]:
    """A folder below `out` for each; where two scenarios have one name, with a number."""
    if out is None:
        return []
    names = [scenario.scenario.name for scenario in scenarios]
    chosen: list[str] = []
    for place, name in enumerate(names):
        own, number = name, names[:place].count(name) + 1
        # Another scenario may have this very name with a number.
        while own in chosen or (number > 1 and own in names):
            own, number = f"{name}-{number}", number + 1
        chosen.append(own)
    return [out / own for own in chosen]


def _train(ran: Ran, scenario: Scenario, options: RunOptions, shown: Presentation) -> None:
    """Train one scenario and note the outcome."""
    try:
        with drawing(silent=scenario.is_study) as studio:
            outcome, ran.code = train(scenario, options, shown, studio)
        if isinstance(outcome, Result):
            ran.networks = [(_contender(ran.label, outcome), ran.folder)]
        else:
            ran.networks = _of_study(ran, outcome)
        ran.summary = outcome.as_json()
    except Exception as error:
        failure = failure_of(error)
        if failure.code == 1:  # a bug in neurosim, to be reported as such
            raise
        ran.code, ran.error = failure.code, failure.message
        echo(f"Error: {ran.label}: {failure.message}", fg="red", err=True)
        if failure.hint:
            click.echo(f"Hint: {failure.hint}", err=True)


def _contender(label: str, result: Result) -> Contender:
    return Contender(label, result.metrics, result.scenario.network.loss_name, result.rows_sha256)


def _of_study(ran: Ran, study: Study) -> list[tuple[Contender, Path]]:
    """One contender for each variant, with the means over its seeds."""
    contenders = []
    for variant in study.names:
        results = study[variant]
        if not results:  # all of them diverged
            continue
        spreads = {name: study.spread(variant, name) for name in (*METRICS, *study.final_only, *study.metrics)}
        means = {name: spread and spread[0] for name, spread in spreads.items()}
        label = f"{ran.label}: {variant}" if variant else ran.label
        first = results[0]
        place = ran.folder if len(results) > 1 or first.folder is None else first.folder
        contenders.append((Contender(label, means, first.scenario.network.loss_name, first.rows_sha256), place))
    return contenders


def _ranked(done: Sequence[Ran]) -> tuple[Ranking, list[tuple[Contender, Path, Ran]]]:
    networks = [(contender, folder, ran) for ran in done for contender, folder in ran.networks]
    return rank([contender for contender, _, _ in networks]), networks


def _print(done: Sequence[Ran]) -> None:
    ranking, networks = _ranked(done)
    own = [name for contender, _, _ in networks for name in metrics_in(contender.metrics)]
    names = dict.fromkeys([*METRICS, *own, *([ranking.measure] if ranking.measure else [])])
    shown = [name for name in names if any(_number(contender, name) is not None for contender, _, _ in networks)]
    header = ["", "scenario", *map(measure_words, shown), ""]
    rows = [header]
    for number, place in ranking.order:
        contender, _, ran = networks[place]
        cells = [measure(name, _number(contender, name)) for name in shown]
        rows.append(["" if number is None else str(number), contender.label, *cells, _remark(ran)])
    for ran in done:
        if not ran.networks:
            rows.append(["", ran.label, *["-"] * len(shown), _remark(ran)])
    click.echo()
    echo(_title(ranking, len(done)), bold=True)
    click.echo()
    for line in columns(rows, (1, len(header) - 1)):
        click.echo(line)
    click.echo()
    for words in ranking.remarks:
        click.echo(words)
    for ran in done:
        if not ran.folder.exists():  # it was refused before anything was written
            continue
        click.echo(f"Files of {ran.label}: {ran.folder}")
    ended = [quoted(ran.folder) for ran in done if ran.networks]
    if len(ended) > 1 and ranking.same_rows:
        click.echo(f"Side by side: neurosim compare {' '.join(ended)}")


def _title(ranking: Ranking, count: int) -> str:
    if ranking.measure is None:
        return f"{count} scenarios"
    return f"{count} scenarios, the best {measure_words(ranking.measure)} first"


def _number(contender: Contender, name: str) -> float | None:
    value = contender.metrics.get(name)
    return value if value is not None and math.isfinite(value) else None


def _remark(ran: Ran) -> str:
    if ran.error or ran.code == DIVERGED:
        return "diverged" if ran.code == DIVERGED else "failed"
    return "expectation missed" if ran.code == MISSED else ""


def _as_json(done: Sequence[Ran]) -> dict[str, Any]:
    ranking, networks = _ranked(done)
    return {
        "measure": ranking.measure,
        "ranking": [
            {
                "rank": number,
                "label": networks[place][0].label,
                "value": _number(networks[place][0], ranking.measure) if ranking.measure else None,
                "run_dir": str(networks[place][1]),
            }
            for number, place in ranking.order
        ],
        "remarks": list(ranking.remarks),
        "runs": [
            {
                "label": ran.label,
                "exit_code": ran.code,
                "error": ran.error or None,
                "run_dir": str(ran.folder) if ran.folder.exists() else None,
            }
            | ran.summary
            for ran in done
        ],
    }
