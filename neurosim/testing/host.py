"""Checks of records that run on the host and are not compiled: initializers, schedules and data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.data import dataset_folder
from neurosim.data.checks import check_table
from neurosim.errors import DataError, UsageError
from neurosim.plugin import DataRequest, Dataset, FeedbackSchedule, Initializer, Schedule, Table
from neurosim.plugin.answers import described, is_factor
from neurosim.randomness import Stream
from neurosim.suggestions import unknown
from neurosim.testing.plain import Array
from neurosim.testing.verdicts import Verdict, attempt, failed, in_turn, noted, number, passed, sentence, skipped

FAN_IN, FAN_OUT = 200, 100
LENGTHS = (1, 2, 10, 1000)
OWN_NUMBERS = "take random numbers only from the argument, which depends on the seed"


def initializer_items(record: Initializer) -> list[Verdict]:
    """The items of an initializer: ``shape``, ``values``, ``determinism``, ``seeds``, ``spread``."""
    return in_turn(
        {
            "shape": lambda: _shape(record),
            "values": lambda: _values(record),
            "determinism": lambda: _start_determinism(record),
            "seeds": lambda: _seeds(record),
            "spread": lambda: _spread(record),
        }
    )


def _draw(record: Initializer, part: str, shape: tuple[int, ...], seed: int = 1) -> Any:
    """Initial values of ``weight`` or ``bias``."""
    rule = record.weight if part == "weight" else record.bias
    assert rule is not None  # not asked for where there is none
    return rule(Stream(seed, "init", part), shape, FAN_IN, FAN_OUT, *record.params.values())


def _parts(record: Initializer) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"weight": (FAN_IN, FAN_OUT)}
    return shapes if record.bias is None else {**shapes, "bias": (FAN_OUT,)}


def _shape(record: Initializer) -> Verdict:
    for part, usual in _parts(record).items():
        for shape in (usual, (1,) * len(usual), (3,) * len(usual)):
            drawn = _draw(record, part, shape)
            actual = np.asarray(drawn).shape
            if actual != shape:
                where = f" where an array of shape {shape} is requested"
                return failed("shape", f"{part} returns {described(drawn, where)}")
    return passed("shape", f"{' and '.join(_parts(record))}: as requested")


def _values(record: Initializer) -> Verdict:
    for part, shape in _parts(record).items():
        with np.errstate(all="ignore"):
            values = np.asarray(_draw(record, part, shape)).astype(np.float32)
        if not np.isfinite(values).all():
            return failed("values", f"{part} has {values[~np.isfinite(values)][0]} among its values in float32")
    return passed("values", "finite numbers in float32")


def _start_determinism(record: Initializer) -> Verdict:
    for part, shape in _parts(record).items():
        first, second = (np.asarray(_draw(record, part, shape)) for _ in range(2))
        if not np.array_equal(first, second):
            return failed("determinism", f"{part} differs from call to call with the same seed: {OWN_NUMBERS}")
    return passed("determinism", "same seed, same bits")


def _seeds(record: Initializer) -> Verdict:
    first, second = (np.asarray(_draw(record, "weight", (FAN_IN, FAN_OUT), seed)) for seed in (1, 2))
    if np.array_equal(first, second):
        return noted("seeds", "the same weights for every seed")
    return passed("seeds", "different seeds, different weights")


def _spread(record: Initializer) -> Verdict:
    weights: Array = np.asarray(_draw(record, "weight", (FAN_IN, FAN_OUT)), np.float64)
    return noted(
        "spread",
        f"weights from {FAN_IN} inputs to {FAN_OUT} units: mean {number(weights.mean())}, "
        f"standard deviation {number(weights.std())}, from {number(weights.min())} to {number(weights.max())}",
    )


def schedule_items(record: Schedule | FeedbackSchedule) -> list[Verdict]:
    """The items of a schedule: ``factors`` and ``course``; with feedback also ``determinism``.

    A schedule with feedback has to depend on the losses alone.
    """
    if isinstance(record, FeedbackSchedule):
        return in_turn(
            {
                "factors": lambda: _feedback_factors(record),
                "determinism": lambda: _feedback_determinism(record),
                "course": lambda: _feedback_course(record),
            }
        )
    return in_turn({"factors": lambda: _factors(record), "course": lambda: _course(record)})


def _factors(record: Schedule) -> Verdict:
    for steps in LENGTHS:
        for step in range(steps):
            fault = _no_factor(record.factor(step, steps, *record.params.values()))
            if fault:
                return failed("factors", f"the factor at {_unit(record)} {step} of {steps} is {fault}")
    return passed("factors", f"finite and not negative in runs of {', '.join(map(str, LENGTHS))} {record.unit}")


def _unit(record: Schedule) -> str:
    """One of what a schedule counts."""
    return record.unit.removesuffix("s")


def _no_factor(value: Any) -> str:
    """What is wrong with a factor of the learning rate; empty if nothing is."""
    return "" if is_factor(value) else f"{described(value)}; it must be a number, 0 or larger"


def _course(record: Schedule) -> Verdict:
    steps = LENGTHS[-1]
    shown = [float(record.factor(step, steps, *record.params.values())) for step in (0, steps // 2, steps - 1)]
    start, middle, end = map(number, shown)
    return noted("course", f"{start} at the start, {middle} in the middle, {end} at the end of {steps} {record.unit}")


def _loss_courses(epochs: int = 100) -> dict[str, list[float]]:
    """Typical losses of runs."""
    wobble = Stream(1, "losses").uniform(0.5, 1.5, (epochs,))
    return {
        "that fall": [1.0 / (1.0 + epoch) for epoch in range(epochs)],
        "that rise": [1.0 + epoch for epoch in range(epochs)],
        "that stay the same": [1.0] * epochs,
        "that are 0": [0.0] * epochs,
        "that go up and down": [float(value) for value in wobble],
        "below 0": [-1.0 - epoch for epoch in range(epochs)],
    }


def _feedback_factor(record: FeedbackSchedule, losses: list[float]) -> float:
    return float(record.factor(losses, *record.params.values()))


def _feedback_factors(record: FeedbackSchedule) -> Verdict:
    for name, course in _loss_courses().items():
        for epoch in range(len(course) + 1):
            fault = _no_factor(record.factor(course[:epoch], *record.params.values()))
            if fault:
                where = (
                    f"after {epoch} losses {name}" if epoch else "before the first epoch, where there are no losses,"
                )
                return failed("factors", f"the factor {where} is {fault}")
    return passed("factors", f"finite and not negative after losses {', '.join(_loss_courses())}")


def _feedback_determinism(record: FeedbackSchedule) -> Verdict:
    for name, course in _loss_courses().items():
        given = list(course)
        alone = _feedback_factor(record, given)
        if given != course:
            return failed("determinism", "changes the list of losses, which it must not")
        for epoch in range(len(course) + 1):
            again = _feedback_factor(record, course[:epoch])
        if again != alone:
            what = f"{number(alone)} after {len(course)} losses {name}, and {number(again)} when called again"
            return failed("determinism", f"{what}: keep nothing between calls; everything is in the list")
    return passed("determinism", "same losses, same factor")


def _feedback_course(record: FeedbackSchedule) -> Verdict:
    courses = _loss_courses()
    start = number(_feedback_factor(record, []))
    ends = [f"{number(_feedback_factor(record, courses[name]))} after 100 losses {name}" for name in list(courses)[:3]]
    return noted("course", f"{start} at the start; {', '.join(ends)}")


def dataset_items(record: Dataset, options: Mapping[str, Any]) -> list[Verdict]:
    """The items of a data set: ``load``, ``table`` and ``determinism``.

    Its options have their defaults, but for those given. It is skipped if required options are not given, or if its
    files are missing. Raises UsageError for an option of another type than its default.
    """
    chosen = _chosen_options(record, options)
    required = [name for name, value in chosen.items() if value is None]
    if required:
        return [_not_loaded(f"required options: {', '.join(required)}")]
    folder = dataset_folder(record.name)
    vouched = frozenset(value for value in options.values() if isinstance(value, str))

    def load(seed: int) -> Any:
        return record.load(DataRequest(Stream(seed, "data"), folder, Path.cwd(), vouched), **chosen)

    try:
        table = load(1)
    except DataError as error:
        if not folder.exists() and not options:
            return [_not_loaded(sentence(error))]
        return [failed("load", sentence(error))]
    except Exception:  # the verdict below reports it, with the place
        return [attempt("load", lambda: _loaded(load(1)))]
    if not isinstance(table, Table):
        return [failed("load", f"returns {described(table)}; it must return a Table")]
    checks = {"table": lambda: _table(table), "determinism": lambda: _same_rows(table, load)}
    return [_loaded(table), *in_turn(checks)]


def options_for(records: Sequence[Any], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of the given options, those that each record has; raises UsageError for one that no data set among them has."""
    known = [record.options if isinstance(record, Dataset) else {} for record in records]
    for name in given:
        if not any(name in options for options in known):
            raise UsageError(*unknown("option of a data set", name, {name for options in known for name in options}))
    return [{name: value for name, value in given.items() if name in options} for options in known]


def _chosen_options(record: Dataset, given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a data set, of which it has those given; raises UsageError for a value of another type."""
    chosen = {**record.options, **given}
    for name, value in given.items():
        if name in record.several and isinstance(value, list | tuple):
            continue
        wanted = type(record.options[name])
        # A float may be written without a point.
        chosen[name] = float(value) if wanted is float and type(value) is int else value
        if record.options[name] is not None and type(chosen[name]) is not wanted:
            raise UsageError(f"{name} = {value!r}: this option of the data set {record.name} is a {wanted.__name__}")
    return chosen


def _not_loaded(reason: str) -> Verdict:
    return skipped("load", reason)


def _loaded(table: Table) -> Verdict:
    targets = f"{len(table.classes)} classes" if table.classes else "values as targets"
    return passed("load", f"{len(table.features)} rows, {targets}")


def _table(table: Table) -> Verdict:
    check_table(table)
    return passed("table", "shapes, types and numbers are as required of a Table")


def _same_rows(table: Table, load: Callable[[int], Any]) -> Verdict:
    again, other = (load(seed) for seed in (1, 2))
    if not _equal(table, again):
        return failed("determinism", f"rows differ from call to call with the same seed: {OWN_NUMBERS}, request.random")
    varies = "the same rows for every seed" if _equal(table, other) else "different rows for different seeds"
    return passed("determinism", f"same seed, same rows; {varies}")


def _equal(first: Table, second: Table) -> bool:
    names = ("features", "targets", "test_features", "test_targets")
    pairs = ((getattr(first, name), getattr(second, name)) for name in names)
    return all((a is None and b is None) or np.array_equal(a, b) for a, b in pairs)
