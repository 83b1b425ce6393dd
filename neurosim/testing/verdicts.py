"""What a check says about one property of a record."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from neurosim.errors import NeurosimError, PluginError

Outcome = Literal["passed", "failed", "skipped", "noted"]
Finding = TypeVar("Finding")
_OURS = Path(__file__).parents[1]
_BUILTINS, _NUMPY = _OURS / "builtins", Path(np.__file__).parent


@dataclass(frozen=True)
class Verdict:
    """The outcome for one item of a check.

    Attributes
    ----------
    item : str
        What was checked, such as ``derivative``.
    outcome : "passed", "failed", "skipped" or "noted"
        A note is information, neither good nor bad.
    detail : str
        The finding, in a sentence; for a failure, where it is and what to do.
    """

    item: str
    outcome: Outcome
    detail: str


def passed(item: str, detail: str) -> Verdict:
    """All is well."""
    return Verdict(item, "passed", detail)


def failed(item: str, detail: str) -> Verdict:
    """Something is wrong."""
    return Verdict(item, "failed", detail)


def skipped(item: str, detail: str) -> Verdict:
    """Not checked, and why."""
    return Verdict(item, "skipped", detail)


def noted(item: str, detail: str) -> Verdict:
    """Something worth knowing."""
    return Verdict(item, "noted", detail)


def failures(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Those that failed."""
    return [verdict for verdict in verdicts if verdict.outcome == "failed"]


def follows(item: str, first: Verdict) -> Verdict:
    """What stands in place of a finding that may only follow from another one."""
    return skipped(item, f"comes after {first.item}, which has to be right first")


def excused(verdict: Verdict, first: Verdict) -> Verdict:
    """A verdict; if it failed and `first` did too, from which that may follow, only `first` counts."""
    return follows(verdict.item, first) if {verdict.outcome, first.outcome} == {"failed"} else verdict


def attempt(item: str, look: Callable[[], Finding]) -> Finding | Verdict:
    """The result of `look`; an exception in an author's function counts as a finding too."""
    try:
        return look()
    except NeurosimError as error:
        return failed(item, sentence(error))
    except Exception as error:
        return failed(item, f"{_place(error)}{type(error).__name__}: {error}")


@contextmanager
def being_checked() -> Iterator[None]:
    """Within this a function of a record is called; what it raises is told without the advice to check the record."""
    try:
        yield
    except PluginError as error:
        raise PluginError(error.message, "" if error.__cause__ else error.hint) from error


def sentence(error: NeurosimError) -> str:
    """Message and hint in one paragraph."""
    if not error.hint:
        return error.message
    return f"{error.message.rstrip('.')}. {error.hint}"


def _place(error: Exception) -> str:
    """The innermost position in the author's file, if any."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        parents = Path(frame.filename).parents
        if _BUILTINS in parents or not (_OURS in parents or _NUMPY in parents):
            return f"{frame.filename}:{frame.lineno}: in {frame.name}: "
    return ""


def in_turn(looks: Mapping[str, Callable[[], Verdict]]) -> list[Verdict]:
    """The verdicts of `looks`, by item; after one that failed, the others are not looked at: they may only follow."""
    verdicts: list[Verdict] = []
    first = None
    for item, look in looks.items():
        verdict = follows(item, first) if first is not None else attempt(item, look)
        verdicts.append(verdict)
        if first is None and verdict.outcome == "failed":
            first = verdict
    return verdicts


def size(error: float) -> str:
    """An error in readable form: its order of magnitude and one digit."""
    return f"{error:.0e}" if error else "0"


def number(value: float) -> str:
    """A number with its significant digits."""
    return f"{float(value) + 0.0:.6g}"


def some(values: Iterable[str], most: int = 4) -> str:
    """The first few of many, joined with commas."""
    listed = list(values)
    return ", ".join(listed[:most]) + (f", ... ({len(listed)} in all)" if len(listed) > most else "")
