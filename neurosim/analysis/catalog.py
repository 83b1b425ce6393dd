"""Which pictures and films a run has, and why it has no others."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from neurosim.printable import arguments
from neurosim.scenario.pictures import FILMS, PICTURES

if TYPE_CHECKING:  # what names a picture need not load a simulator
    from neurosim.training.simulator import Simulator


def function(reference: str) -> Any:
    """The function of `neurosim.analysis` that a record names, such as "inputs.input_map"; its module is loaded now."""
    module, _, name = reference.rpartition(".")
    return getattr(importlib.import_module(f"neurosim.analysis.{module}"), name)


def usual_pictures(simulator: Simulator) -> tuple[str, ...]:
    """The pictures that a run draws when its scenario names none."""
    return tuple(name for name in PICTURES if is_usual(name, simulator) and not missing(name, simulator))


def is_usual(name: str, simulator: Simulator) -> bool:
    """Whether runs like this one draw a picture unasked; what is recorded for the report alone stays in the report."""
    picture = PICTURES[name]
    if picture.by_layer:
        asked = simulator.scenario.given.record
        return asked is not None and picture.records in asked.quantities
    return bool(picture.usual) and _condition(picture.usual)(simulator)


def missing(name: str, simulator: Simulator) -> str:
    """Why a run cannot have a picture, and what would change that; empty where it can."""
    picture = PICTURES[name]
    reason = _lacks(picture.missing, [picture.records] * bool(picture.records), simulator)
    if reason or not picture.by_layer:
        return reason
    recording = simulator.recording
    assert recording is not None
    return "" if recording.layers_with(picture.records) else "no layer of this network has it"


def lacking(simulator: Simulator, but: Collection[str] = ()) -> dict[str, str]:
    """For every picture that a run cannot have, why; those in `but` are left out."""
    reasons = {name: missing(name, simulator) for name in PICTURES if name not in but}
    return {name: reason for name, reason in reasons.items() if reason}


def why_not(name: str, simulator: Simulator) -> str:
    """Why a picture that was asked for was not drawn."""
    return missing(name, simulator) or PICTURES[name].nothing


def no_film(name: str, simulator: Simulator) -> str:
    """Why a run cannot have a film, and what would change that; empty where it can."""
    return _lacks(FILMS[name].missing, FILMS[name].records, simulator)


def _condition(name: str) -> Any:
    return function(f"conditions.{name}")


def _lacks(condition: str, records: Sequence[str], simulator: Simulator) -> str:
    reason: str = _condition(condition)(simulator) if condition else ""
    if reason or not records or any(_was_recorded(quantity, simulator) for quantity in records):
        return reason
    asked = arguments(overrides={"record.quantities": [records[-1]]})
    return f'it was not recorded: add "{records[-1]}" to [record] quantities, or run with {asked}'


def _was_recorded(quantity: str, simulator: Simulator) -> bool:
    recording = simulator.recording
    if recording is None or not len(recording):
        return False
    return quantity in recording.quantities or (quantity == "parameters" and bool(recording.parameters))
