"""Where two runs part that ought to be the same, bit by bit: in which epoch, in which layers, by how much."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.runs.results import counted
from neurosim.suggestions import listed
from neurosim.training.history import Record
from neurosim.training.recording import Recording

MEASURES, RECORDING, MODEL, END = "measures", "recording", "model", "end"
# What no two runs have in common.
_OWN = "seconds"
_PARAMETERS = "parameters/"
# Of a longer list only so many are named.
_NAMED = 4


@dataclass(frozen=True)
class Parting:
    """One thing in which a run and the same run trained again are not the same.

    Attributes
    ----------
    thing : str
        What differs: "measures", "recording", "model", or "end", where one of them diverged.
    words : str
        Where and by how much, in words.
    epoch : float or None
        After how many epochs they first differ in it; None where it says nothing of epochs.
    names : tuple of str
        Measures, layers or parameters that differ, there or, of the model, at the end.
    """

    thing: str
    words: str
    epoch: float | None = None
    names: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {"thing": self.thing, "words": self.words, "epoch": self.epoch, "names": list(self.names)}


def of_histories(was: Sequence[Record], now: Sequence[Record]) -> list[Parting]:
    """Where the measures of two runs part, epoch by epoch; how long an epoch took is no measure."""
    for before, after in zip(was, now, strict=False):
        names = _differing(before, after)
        if names:
            epoch = after["epoch"]
            return [Parting(MEASURES, f"epoch {epoch}: {_values(names, before, after)}", epoch, names)]
    if len(was) != len(now):
        words = (
            f"{counted(len(was), 'epoch')} then, {counted(len(now), 'epoch')} now; those that both have are the same"
        )
        return [Parting(MEASURES, words, min(len(was), len(now)) + 1)]
    return []


def of_final_measures(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Parting]:
    """Whether the measures at the end differ."""
    names = _differing(was, now)
    return [Parting(MEASURES, f"at the end: {_values(names, was, now)}", None, names)] if names else []


def of_recordings(was: Recording, now: Recording) -> list[Parting]:
    """Where two recordings part: the first time, and the layers that differ then."""
    if was.layers != now.layers or {*was.arrays()} != {*now.arrays()}:
        return [Parting(RECORDING, "other layers or quantities are recorded")]
    before, after = was.arrays(), now.arrays()
    for place, epoch in enumerate(now.epochs[: len(was)]):
        if (was.epochs[place], was.steps[place]) != (epoch, now.steps[place]):
            return [Parting(RECORDING, f"recorded after epoch {was.epochs[place]:g} then, {epoch:g} now", epoch)]
        layers, whole = _differing_layers(before, after, now, place)
        if layers or whole:
            where = listed(layers) if layers else f"the {listed(whole)}"
            same = f"; the same up to epoch {now.epochs[place - 1]:g}" if place else ""
            return [Parting(RECORDING, f"epoch {epoch:g}: in {where}{same}", epoch, tuple(layers or whole))]
    if len(was) != len(now):
        epoch = min(was.epochs[-1:] + now.epochs[-1:], default=0.0)
        return [Parting(RECORDING, f"{len(was)} times then, {len(now)} now; those that both have are the same", epoch)]
    return []


def _differing_layers(
    before: Mapping[str, NDArray[Any]], after: Mapping[str, NDArray[Any]], recording: Recording, place: int
) -> tuple[list[str], list[str]]:
    """The layers that differ at one of the recorded times, in order, and what differs that is of no layer."""
    found: set[str] = set()
    whole: list[str] = []
    for name in after:
        if name in ("layers", "epochs", "steps"):
            continue
        apart = unequal(before[name][place], after[name][place])
        if not apart.any():
            continue
        if name.startswith(_PARAMETERS):
            found.add(layer_of(name.removeprefix(_PARAMETERS)))
        elif name in recording.values:
            found |= {recording.layers[layer] for layer in np.flatnonzero(apart.reshape(len(apart), -1).any(axis=1))}
        else:
            whole.append("confusion matrix" if name == "confusion" else f"state of the {name}")
    return sorted(found, key=in_order), whole


def of_models(was: Mapping[str, NDArray[Any]], now: Mapping[str, NDArray[Any]]) -> list[Parting]:
    """The parameters in which two networks differ, from the input to the output, and by how much."""
    partings = []
    for name in sorted({**was, **now}, key=in_order):
        if name not in was or name not in now or was[name].shape != now[name].shape:
            shapes = (str(arrays[name].shape) if name in arrays else "not there" for arrays in (was, now))
            partings.append(Parting(MODEL, "{}: {} then, {} now".format(name, *shapes), None, (name,)))
            continue
        apart = unequal(was[name], now[name])
        count = int(apart.sum())
        if count:
            with np.errstate(all="ignore"):
                gaps = np.abs(now[name].astype(np.float64) - was[name].astype(np.float64))[apart]
            verb = "differs" if count == 1 else "differ"
            words = f"{name}: {count:,} of {apart.size:,} numbers {verb}, by {'' if count == 1 else 'at most '}"
            partings.append(Parting(MODEL, words + f"{float(gaps.max()):.3g}", None, (name,)))
    return partings


def unequal(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two arrays differ in any bit; everywhere if they are of different kinds or shapes."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return np.ones(other.shape, np.bool_)
    kind = f"u{one.dtype.itemsize}"
    apart: NDArray[np.bool_] = np.ascontiguousarray(one).view(kind) != np.ascontiguousarray(other).view(kind)
    return apart.reshape(other.shape)


def layer_of(parameter: str) -> str:
    """The layer that a parameter belongs to: ``layers.0`` for ``layers.0.weight``."""
    return parameter.rpartition(".")[0]


def in_order(name: str) -> list[tuple[bool, int, str]]:
    """A key that sorts names with numbers as their layers follow each other."""
    return [(word.isdigit(), int(word) if word.isdigit() else 0, word) for word in re.findall(r"\d+|\D+", name)]


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    # Not ==, for which 0.0 and -0.0 are the same.
    return tuple(
        name for name in {**after, **before} if name != _OWN and repr(before.get(name)) != repr(after.get(name))
    )


def _values(names: Sequence[str], before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    shown = [f"{name} was {_shown(before.get(name))} and is {_shown(after.get(name))}" for name in names[:_NAMED]]
    more = f"; and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return "; ".join(shown) + more


def _shown(value: Any) -> str:
    """A number of a file, or of a table, where it is text."""
    return "not there" if value in (None, "") else value if isinstance(value, str) else repr(value)
