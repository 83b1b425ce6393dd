"""What a film of a run shows: the recorded times that become its frames, and what the network did at each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from neurosim.analysis.catalog import function
from neurosim.analysis.conditions import shows_plane
from neurosim.analysis.hidden import HiddenSpace, hidden_space_at
from neurosim.analysis.inputs import InputMap, input_map
from neurosim.analysis.restoring import restored
from neurosim.analysis.spacing import evenly
from neurosim.scenario.pictures import FILMS
from neurosim.training.history import History
from neurosim.training.recording import Recording

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator

MOST_FRAMES = 60
GRID = 100


@dataclass(frozen=True)
class FilmFacts:
    """The frames of a film.

    Attributes
    ----------
    name : str
        One of `FILMS`.
    title : str
        Title of the scenario.
    history : History
        The epochs, for the curve beside the frames.
    recording : Recording
        What was recorded, without the parameters.
    places : tuple of int
        Which of the recorded times are frames.
    maps : tuple of InputMap
        What the network answered over its inputs at each of them, for films that show it.
    hidden : HiddenSpace or None
        Where the rows lay in the hidden space at each of them, for films that show it.
    """

    name: str
    title: str
    history: History
    recording: Recording
    places: tuple[int, ...]
    maps: tuple[InputMap, ...] = ()
    hidden: HiddenSpace | None = None


def film(name: str, simulator: Simulator) -> FilmFacts:
    """The frames of a film for which the run has the numbers; see `catalog.no_film`."""
    recording = simulator.recording
    assert recording is not None
    places = tuple(evenly(len(recording), MOST_FRAMES))
    computed: dict[str, Any] = function(FILMS[name].facts)(simulator, recording, places) if FILMS[name].facts else {}
    kept = replace(recording, parameters={})
    return FilmFacts(name, simulator.scenario.scenario.headline, simulator.history, kept, places, **computed)


def boundaries(simulator: Simulator, recording: Recording, places: Sequence[int]) -> dict[str, Any]:
    """What the network answered over its inputs at some of the recorded times."""
    maps = []
    with restored(simulator):
        for place in places:
            then = recording.parameters_at(place)
            simulator.set_parameters({name: then[name] for name in simulator.parameters})
            if simulator.statistics:
                simulator.set_statistics({name: then[name] for name in simulator.statistics})
            maps.append(input_map(simulator, GRID))
    return {"maps": tuple(maps)}


def hidden_spaces(simulator: Simulator, recording: Recording, places: Sequence[int]) -> dict[str, Any]:
    """Where the rows lay in the hidden space, and the answers over a plane of inputs, at some of the recorded times."""
    times = [(recording.epochs[place], recording.parameters_at(place)) for place in places]
    beside = boundaries(simulator, recording, places) if shows_plane(simulator) else {}
    return {"hidden": hidden_space_at(simulator, times), **beside}
