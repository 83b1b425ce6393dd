"""``neurosim doctor``: what is wrong with a run, from evidence, and what cures it."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurosim.cli.columns import text_width
from neurosim.cli.door import echo
from neurosim.cli.given import RunPath
from neurosim.cli.options import DATA_DIR, FORCE, JSON, FilePath, print_json, say_mixed
from neurosim.cli.sources import Sources, with_sources
from neurosim.printable import quoted

if TYPE_CHECKING:
    from neurosim.diagnosis import Diagnosis, Finding
    from neurosim.runs.diverged import FailedRun
    from neurosim.scenario import Scenario


@click.command()
@click.argument("run", required=False, type=RunPath(path_type=str), metavar="RUN")
@click.option("--out", type=FilePath(), metavar="DIR", help="Folder for the pictures; the run's own by default.")
@click.option("--no-trials", is_flag=True, help="Only look: remedies are then guesses, and some diseases stay hidden.")
@with_sources(DATA_DIR, FORCE)
@JSON
def command(
    run: str | None,
    out: Path | None,
    no_trials: bool,
    sources: Sources,
    as_json: bool,
) -> None:
    """Say what is wrong with RUN, the folder of a run, or "last" for the newest: dead units, a bad learning rate, ...

    Each finding has its number, the limit and its source, a picture, and a command that changes one thing. Doctor
    has tried that change for some epochs and reports the outcome, or says that it is a guess. Runs that diverged are
    diagnosed too; in a study, each variant is, from its first seed.
    """
    if run is None:
        raise click.UsageError("which run? Try: neurosim doctor last")
    from neurosim.runs.belonging import MIXED

    if sys.stderr.isatty() and not (no_trials or as_json):
        click.echo("Looking, and trying what may help; this can take a minute ...", err=True)
    found, mixed, remarks = _diagnoses(Path(run), sources, trials=not no_trials)
    say_mixed(*remarks)
    reports = [
        _with_pictures(folder, diagnosis, out or (folder / MIXED if mixed else folder)) for folder, diagnosis in found
    ]
    if as_json:
        print_json([_as_json(*report) | ({"mixed": "; ".join(remarks)} if remarks else {}) for report in reports])
        return
    for report in reports:
        _print(*report, trials=not no_trials)


def _diagnoses(
    folder: Path, sources: Sources, *, trials: bool
) -> tuple[list[tuple[Path, Diagnosis]], bool, tuple[str, ...]]:
    """The diagnosis of a run, or of each variant of a study; whether anything has changed since, and what is mixed."""
    from neurosim.diagnosis import diagnose, diagnose_failed
    from neurosim.runs.diverged import read_failed

    def of_failed(failed: FailedRun, variant: str = "", shared: int = 1) -> tuple[Diagnosis, str]:
        fresh, mixed = failed.start(sources.data_dir, variant=variant, force=sources.force)
        return diagnose_failed(fresh, failed.message, failed.history, trials=trials, shared=shared), mixed

    failed = read_failed(folder, sources.registry)
    if failed is not None:
        diagnosis, mixed = of_failed(failed)
        return [(folder, diagnosis)], bool(mixed), (mixed,) if mixed else ()
    read = sources.run(folder, some=False)
    variants = {variant for variant, _ in read.diverged} | {result.scenario.variant for result in read.results}
    found: dict[str, tuple[Path, Diagnosis]] = {}
    # A seed that diverged says more than one that did not.
    for variant, place in read.diverged:
        failed = None if variant in found else read_failed(place, sources.registry)
        if failed is not None:
            found[variant] = (place, of_failed(failed, variant, len(variants))[0])
    for result in read.results:
        variant = result.scenario.variant
        if variant not in found:
            found[variant] = (result.folder or folder, diagnose(result, trials=trials, shared=len(variants)))
    return list(found.values()), bool(read.mixed), read.remarks


# What --seed changes.
SEED = "scenario.seed="
Report = tuple[Path, "Diagnosis", dict[str, Path]]


def _with_pictures(folder: Path, diagnosis: Diagnosis, target: Path) -> Report:
    """Draw the evidence for each finding, and how its remedy did."""
    pictures = {}
    found = (*diagnosis.findings, *diagnosis.notes)
    if found:
        from neurosim.files.atomic import make_folder
        from neurosim.plots.diagnosis import evidence_picture
        from neurosim.plots.style import save

        make_folder(target)
        for finding in found:
            path = target / f"doctor-{finding.name}.png"
            pictures[finding.name] = save(evidence_picture(finding), path, finding.title)
    return folder, diagnosis, pictures


def _proof(folder: Path, finding: Finding, scenario: Scenario) -> str:
    """The command that trains the same scenario with one thing changed; empty if nothing is known to help."""
    if not finding.settings:
        return ""
    # Its user has to name files that lie beside the scenario of old, and not in the run folder.
    own = [f"data.{option}={scenario.base / path}" for option, path in scenario.data.paths.items()]
    seeds = [setting.removeprefix(SEED) for setting in finding.settings if setting.startswith(SEED)]
    others = [setting for setting in finding.settings if not setting.startswith(SEED)]
    words = [f"--seed {seed}" for seed in seeds] + [f"--set {quoted(setting)}" for setting in [*others, *own]]
    path, out = (quoted(place) for place in (folder / "scenario.toml", f"{folder}-{finding.name}"))
    return f"neurosim run {path} {' '.join(words)} --out {out}"


def _print(folder: Path, diagnosis: Diagnosis, pictures: dict[str, Path], *, trials: bool) -> None:
    evidence = diagnosis.evidence
    echo(f"{evidence.scenario.scenario.headline}  ({folder})", bold=True)
    if evidence.failure:
        click.echo("  The run did not finish.")
    elif evidence.skill is not None:
        click.echo(f"  It has learned {max(evidence.skill, 0):.0%} of what there is to learn from the training rows.")
    if not diagnosis.findings:
        click.echo("  Nothing wrong found.")
        if evidence.poor and not trials:
            _say(
                "But little was learned. Without --no-trials doctor also tries other initial weights, more units, more "
                "steps and other learning rates."
            )
        elif evidence.poor:
            _say(
                "But little was learned. Doctor also tried other initial weights, more units, more steps and other "
                "learning rates, as far as they fit, and none of them helped: the network may be of the wrong kind for "
                "this task, or the inputs may lack what determines the answer. neurosim info SCENARIO shows what the "
                "network is made of."
            )
    for number, finding in enumerate(diagnosis.findings, 1):
        click.echo()
        echo(f"{number}. {finding.title}", fg="yellow", bold=True)
        _print_finding(folder, finding, evidence.scenario, pictures[finding.name])
    for note in diagnosis.notes:
        click.echo()
        echo(f"Worth knowing: {note.title[:1].lower()}{note.title[1:]}", bold=True)
        _print_finding(folder, note, evidence.scenario, pictures[note.name])
    click.echo()


def _print_finding(folder: Path, finding: Finding, scenario: Scenario, picture: Path) -> None:
    from neurosim.diagnosis.words import number

    _say(finding.words)
    _say(f"{number(finding.number, 3)}, limit {finding.threshold:g}: {finding.measure}", "measured")
    _say(finding.source, "limit from")
    if finding.follows:
        _say("; ".join(finding.follows), "may follow")
    click.echo(f"  {'picture':<11} {picture}")
    if finding.follows:
        if finding.settings:
            _say(f"{_changes(finding.settings)}, as above", "change")
        return
    proof = _proof(folder, finding, scenario)
    if finding.tried is not None:
        _say(f"{_changes(finding.settings)}: {finding.tried.words}", "tried")
    elif proof:
        _say(f"{_changes(finding.settings)}: {finding.guess}", "a guess")
    if proof:
        # On a single line, so that it can be copied.
        click.echo(f"  {'prove it' if finding.tried else 'try it':<11} {proof}")
        _say(finding.expect.replace("SCENARIO", quoted(folder / "scenario.toml")), "expect")
    if finding.advice:
        _say(finding.advice, "besides" if proof else "what helps")


def _changes(settings: tuple[str, ...]) -> str:
    """What is changed, briefly."""
    from neurosim.diagnosis.words import count

    shown = [setting.replace(SEED, "--seed ") for setting in settings]
    return shown[0] if len(shown) == 1 else f"{shown[0]} and {count(len(shown) - 1, 'setting')} more"


def _say(words: str, label: str = "") -> None:
    first = f"  {label:<11} " if label else "  "
    other = " " * len(first)
    # Names of folders and options in a command stay whole.
    whole = textwrap.TextWrapper(text_width(), first, other, break_long_words=False, break_on_hyphens=False)
    click.echo(whole.fill(words))


def _as_json(folder: Path, diagnosis: Diagnosis, pictures: dict[str, Path]) -> dict[str, Any]:
    evidence = diagnosis.evidence
    return {
        "run_dir": str(folder),
        "variant": evidence.scenario.variant,
        "failure": evidence.failure,
        "learnt": evidence.skill,
        **{
            key: [
                {
                    **finding.as_json(),
                    "picture": str(pictures[finding.name]),
                    "command": _proof(folder, finding, evidence.scenario),
                    "expect": finding.expect,
                }
                for finding in found
            ]
            for key, found in (("findings", diagnosis.findings), ("notes", diagnosis.notes))
        },
    }
