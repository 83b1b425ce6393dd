"""Pictures as figures, for notebooks and scripts; nothing is written, and nothing opens a window."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from neurosim.analysis.catalog import usual_pictures, why_not
from neurosim.analysis.facts import run_facts
from neurosim.errors import NeurosimError, UsageError
from neurosim.plots.pictures import draw
from neurosim.scenario.pictures import PICTURES
from neurosim.suggestions import unknown


def plot(run: Any, picture: str | None = None) -> Figure:
    """One picture of a trained network as a matplotlib figure.

    Parameters
    ----------
    run : Simulator, or a result of `neurosim.run`
        The network.
    picture : str, optional
        Its name, as in ``neurosim plot RUN --only NAME``; left out, the one that shows most for this kind of problem.

    Raises
    ------
    UsageError
        When there is no such picture, or this network cannot have it.
    NeurosimError
        If drawing it fails because of a bug in neurosim or in a plugin.
    """
    simulator = getattr(run, "simulator", run)
    if picture is None:
        # The learning curves come first, and show least of the network itself.
        curves, *_ = PICTURES
        picture = next((name for name in usual_pictures(simulator) if name != curves), curves)
    if picture not in PICTURES:
        raise UsageError(*unknown("picture", picture, PICTURES))
    try:
        facts = run_facts(simulator, [picture])
        if picture not in facts.pictures:
            raise UsageError(f"no picture {picture}: {why_not(picture, simulator)}")
        return draw(picture, facts)
    except NeurosimError:
        raise
    except Exception as error:
        raise NeurosimError(
            f"the picture {picture} could not be drawn: {type(error).__name__}: {error}",
            "This is a bug in neurosim or in a plugin in use, not a mistake of yours; the error above says where.",
        ) from error
