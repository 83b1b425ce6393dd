"""What a film of a run shows: the recorded times that become its frames, and what there was at each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from neurosim.analysis.catalogue import how_to_record, no_hidden_space, shows_curve, shows_plane, shows_surface
from neurosim.analysis.hidden import HiddenSpace, hidden_space_at
from neurosim.analysis.inputs import InputMap, input_map
from neurosim.analysis.spacing import evenly
from neurosim.training.history import History
from neurosim.training.recording import Recording
from neurosim.training.recording.recording import HISTOGRAMS

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator

FILMS = ("boundary", "hidden_space", "histograms", "gradients")
MOST_FRAMES = 60
GRID = 100


@dataclass(frozen=True)
class Film:
    """The frames of a film.

    Attributes
    ----------
    kind : str
        One of `FILMS`.
    title : str
        Title of the scenario.
    history : History
        The epochs, for the curve beside.
    recording : Recording
        What was recorded, without the parameters.
    places : tuple of int
        Which of the recorded times are frames.
    maps : tuple of InputMap
        For "boundary" what the network answered at each of them; for "hidden_space", too, where that can be drawn.
    hidden : HiddenSpace or None
        For "hidden_space" where the rows were at each of them.
    """

    kind: str
    title: str
    history: History
    recording: Recording
    places: tuple[int, ...]
    maps: tuple[InputMap, ...] = ()
    hidden: HiddenSpace | None = None


def no_film(kind: str, simulator: Simulator) -> str:
    """Why a run has no such film and what would change that; empty where it has."""
    recording = simulator.recording
    drawn = shows_plane(simulator) or shows_curve(simulator) or shows_surface(simulator)
    if kind == "boundary" and not drawn:
        needed = "two inputs and classes, or one or two inputs and one output value"
        return f"its inputs cannot be drawn: that needs {needed}"
    if kind == "hidden_space" and no_hidden_space(simulator):
        return no_hidden_space(simulator)
    if kind in ("boundary", "hidden_space"):
        return "" if recording is not None and recording.parameters else how_to_record("parameters")
    wanted = HISTOGRAMS if kind == "histograms" else ("gradient_norm",)
    if recording is None or not any(name in recording.quantities for name in wanted):
        return how_to_record(wanted[-1])
    return ""


def film(kind: str, simulator: Simulator) -> Film:
    """The frames of a film that a run has the numbers for; see `no_film`."""
    recording = simulator.recording
    assert recording is not None
    chosen = tuple(evenly(len(recording), MOST_FRAMES))
    drawn = kind == "boundary" or (kind == "hidden_space" and shows_plane(simulator))
    maps = _maps(simulator, recording, chosen) if drawn else ()
    hidden = None
    if kind == "hidden_space":
        times = [(recording.epochs[place], recording.parameters_at(place)) for place in chosen]
        hidden = hidden_space_at(simulator, times)
    title = simulator.scenario.scenario.headline
    return Film(kind, title, simulator.history, replace(recording, parameters={}), chosen, maps, hidden)


def _maps(simulator: Simulator, recording: Recording, places: tuple[int, ...]) -> tuple[InputMap, ...]:
    """What the network answered at each time; it is as before afterwards."""
    parameters, statistics = simulator.parameters, simulator.statistics
    found = []
    try:
        for place in places:
            kept = recording.parameters_at(place)
            simulator.set_parameters({name: kept[name] for name in parameters})
            if statistics:
                simulator.set_statistics({name: kept[name] for name in statistics})
            shown = input_map(simulator, GRID)
            assert shown is not None
            found.append(shown)
    finally:
        simulator.set_parameters(parameters)
        if statistics:
            simulator.set_statistics(statistics)
    return tuple(found)
