"""What a user has changed of a scenario, as far as its lesson speaks of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from neurosim.scenario.locate import KeyPath, value_at

SEED = "scenario.seed"
VARIANT = "variant "
# What is recorded, drawn and promised is not what the lesson is about; of [scenario] only these are.
SILENT = ("record", "plots", "expect", "claims", "play", "sweep", "requires")
SPEAKING = (SEED, "scenario.repeats")
# What is only measured besides changes nothing that a lesson speaks of.
MEASURED = "training.metrics"
# More names than these are counted.
MOST = 5


def changed_keys(tree: Mapping[str, Any], values: Mapping[KeyPath, Any]) -> list[str]:
    """The key paths, of those that are set, at which the file says something else: they change what comes out."""
    found = []
    for path, value in values.items():
        key = ".".join(map(str, path))
        if path[0] in SILENT or key.startswith(MEASURED) or (path[0] == "scenario" and key not in SPEAKING):
            continue
        if value_at(tree, path) != value:
            found.append(key)
    return found


def added(known: Any, more: Iterable[str]) -> list[str] | None:
    """A list of changes with some more in it; None where there are none."""
    before = known if isinstance(known, list) else []
    return list(dict.fromkeys([*before, *more])) or None


def lesson_note(changed: Sequence[str] | None, *, missed: bool) -> str:
    """What a reader of the lesson has to know: that it speaks of something else than what was run; else empty.

    Parameters
    ----------
    changed : sequence of str, optional
        As in ``scenario.changed``.
    missed : bool
        Whether something did not come out as promised: another seed matters only then.
    """
    entries = list(changed or ())
    keys = [entry for entry in entries if entry != SEED and not entry.startswith(VARIANT)]
    variants = [entry.removeprefix(VARIANT) for entry in entries if entry.startswith(VARIANT)]
    sentences = []
    if keys:
        named = ", ".join(keys[:MOST]) + (f" and {len(keys) - MOST} more" if len(keys) > MOST else "")
        sentences.append(f"You changed {named}: the lesson speaks of the scenario as it was written.")
    if variants:
        sentences.append(f"This is the variant {variants[-1]} alone: the lesson speaks of all of them.")
    if SEED in entries and missed:
        sentences.append("You chose another seed, and not all came out: the lesson speaks of the scenario's own seed.")
    return " ".join(sentences)
