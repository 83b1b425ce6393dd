"""Before a run is resumed: whether what is in its folder belongs to what would be trained now.

What is trained to its end stays what it is. A table that set it beside networks with other settings, rows or plugins
would lie, so not even --force makes one. Last bits are another matter: they are shown, and with --force the table says
which networks were made with what. What is not trained to its end is compared by its checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from neurosim.errors import UsageError
from neurosim.printable import arguments, command
from neurosim.runs.belonging import changes, together, trained_in, trained_with
from neurosim.runs.folder import FAILURE, MEMBERS, SCENARIO, SEEDS, SUMMARY
from neurosim.runs.identity import FINISHED, Identity, another_run, changes_of, determining, scenario_changes
from neurosim.runs.resuming import as_it_was, is_finished, is_of_run, own_scenario
from neurosim.runs.run_files import is_there, read_object
from neurosim.runs.scenarios import networks_of, study_members
from neurosim.scenario import Scenario, load_scenario
from neurosim.suggestions import listed
from neurosim.training.simulator import Simulator


def refuse_another_scenario(
    folder: Path, own: Scenario, chosen: Scenario, simulator: Simulator, *, finished: bool
) -> None:
    """Raise UsageError where the scenario to resume a single run with is not the one in its folder.

    `simulator` is of either; `finished` says whether the run is trained to its end.
    """
    changed = changes_of(own, chosen, simulator)
    if changed:
        raise another_run(folder, changed, f"{as_it_was(folder)}; {_how(finished=finished)}")


def refuse_another_finished(folder: Path, now: Identity) -> None:
    """Raise UsageError where a finished run, which may lack only pictures or its page, does not belong to `now`."""
    changed = changes(folder, trained_in(folder).beside(now), now)
    if changed:
        raise another_run(
            folder,
            changed.all_lines,
            f"Undo the change; {FINISHED}\n"
            f"{command('report', folder, force=True)}  writes its page all the same and says what is mixed.",
        )


def refuse_another_study(folder: Path, chosen: Scenario, *, force: bool) -> None:
    """Raise UsageError where the study to resume is not that of the folder, or the folder is that of a single run.

    With `force` only networks that are trained to their end count.
    """
    own = own_scenario(folder, chosen)
    if own is None or not own.is_study:
        names = listed(chosen.variants)
        raise UsageError(
            f"{folder} holds a single network, and scenario {chosen.scenario.name} is several",
            f"Say which of them it is with variant=...: {names}."
            if names
            else f"{arguments(overrides={'scenario.repeats': 1})}  makes it one.",
        )
    changed = _changed_networks(own, chosen, folder, finished=force)
    if changed:
        ended = force or bool(_changed_networks(own, chosen, folder, finished=True))
        edited = chosen.path is not None and is_of_run(chosen.path, folder)
        undo = "Undo the change" if edited else as_it_was(folder)
        raise another_run(folder, changed, f"{undo}; {_how(finished=ended)}")


def refuse_another_ensemble(folder: Path, chosen: Scenario, now: Identity) -> None:
    """Raise UsageError where the run of many seeds in a folder does not belong to the scenario as it is `now`.

    For a finished one, last bits do not count, as it is only read, but promises do: its networks were judged by them.
    """
    own = own_scenario(folder, chosen)
    finished = is_there(folder / SUMMARY)
    file = folder / (SUMMARY if finished else SEEDS)
    changed = changes(folder, trained_with(read_object(file)).beside(now), now, bits=not finished)
    lines = [] if own is None else scenario_changes(determining(own), now.scenario)
    lines = list(dict.fromkeys([*lines, *changed.all_lines]))
    if own is not None and finished and own.expect != chosen.expect:
        lines.append("  scenario: another [expect], by which the networks were judged")
    if lines:
        raise another_run(folder, lines, f"{as_it_was(folder)}; {_how(finished=finished)}")


def _how(*, finished: bool) -> str:
    return FINISHED if finished else "force=True with these changes."


def _changed_networks(own: Scenario, chosen: Scenario, folder: Path, *, finished: bool) -> list[str]:
    """What differs between the networks of a study in `folder`, and those of `chosen`, line by line.

    `own` is the scenario in the folder; networks that have ended there are known by their own ones. With `finished`
    only those count that are trained to their end.
    """
    was, now = ({label: member for label, member, _ in study_members(study, None)} for study in (own, chosen))
    changed: list[str] = []
    if not finished:
        changed += [f"  {label or 'the network'}: not in that folder" for label in now if label not in was]
        there = dict.fromkeys([*was, *_ended_in(folder)])
        changed += [f"  {label or 'the network'}: only in that folder" for label in there if label not in now]
    for label, member, place in networks_of(chosen, folder):
        if finished and not is_there(place / SUMMARY):
            continue
        before = was.get(label, member)
        if is_there(place / SCENARIO) and (is_there(place / SUMMARY) or is_there(place / FAILURE)):
            before = load_scenario(place / SCENARIO, registry=chosen.registry, own=True)
        lines = scenario_changes(determining(before, record=True), determining(member, record=True))
        changed += [f"  {label}:{line.removeprefix('  scenario:')}" for line in lines]
    return changed


def _ended_in(folder: Path) -> list[str]:
    """Labels of the networks in the folder of a study that are trained to their end, whatever its scenario says now."""
    members = folder / MEMBERS
    return [" ".join(file.parent.relative_to(members).parts) for file in sorted(members.rglob(SUMMARY))]


def refuse_other_members(folder: Path, members: Iterable[tuple[str, Path, Identity]], *, force: bool) -> None:
    """Raise UsageError where networks of a study that have ended are not what they would be now.

    Parameters
    ----------
    folder : Path
        The study.
    members : iterable of (str, Path, Identity)
        What each network is called, its folder, and what it would belong to here and now.
    force : bool
        Resume even if the last bits may differ, and networks that diverged.
    """
    all_members = list(members)
    ended = [
        (label, path, now)
        for label, path, now in all_members
        if is_finished(path) or (is_there(path / FAILURE) and not force)
    ]
    # If nothing is left to be trained, it is only read.
    bits = len(ended) < len(all_members) and not force
    was = [(label, path, trained_in(path).beside(now), now) for label, path, now in ended]
    changed = together(folder, [(label, changes(path, then, now, bits=bits)) for label, path, then, now in was])
    if changed:
        only_bits = not any(changes(path, then, now) for _, path, then, now in was)
        how = (
            "Resume with the versions and the machine it was begun with, or all the same with force=True: "
            "the table then says what differs."
            if only_bits
            else f"Undo the change; {FINISHED}"
        )
        raise another_run(folder, changed.all_lines, how)
