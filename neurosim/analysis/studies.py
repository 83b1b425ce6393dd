"""Everything that the pictures of a study show: its runs side by side, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurosim.analysis.failures import RAISED, Failures
from neurosim.analysis.inputs import InputMap, input_map
from neurosim.analysis.surfaces import Surface, loss_surface
from neurosim.training.history import History
from neurosim.training.recording import Recording

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.scenario import Scenario
    from neurosim.training.simulator import Simulator


@dataclass(frozen=True)
class RunOfStudy:
    """One run.

    Attributes
    ----------
    seed : int
        Its seed.
    history : History
        The epochs.
    final : dict
        Measures at the end, with dropout off; None if there is no such measure.
    recording : Recording or None
        What was recorded of the layers.
    inputs : InputMap or None
        The network's answers over its inputs, if they can be drawn; for the first seed only.
    """

    seed: int
    history: History
    final: dict[str, float | None]
    recording: Recording | None
    inputs: InputMap | None


@dataclass(frozen=True)
class VariantFacts:
    """The runs of one variant.

    Attributes
    ----------
    name, group : str
        Its name, empty if there are only repeats, and the line it belongs to.
    value : float or None
        Its place on the axis.
    runs : tuple of RunOfStudy
        One for each seed.
    """

    name: str
    group: str
    value: float | None
    runs: tuple[RunOfStudy, ...]


@dataclass(frozen=True)
class StudyFacts:
    """What there is to draw of a study.

    Attributes
    ----------
    title : str
        Title of the scenario.
    variants : tuple of VariantFacts
        In the order of the file.
    measure, layer : str
        What is drawn against the values; for a recorded measure, of which `layer`.
    against, scale : str
        What the values are, and "linear" or "logarithmic".
    surface : Surface or None
        The loss around the paths of all variants, if their parameters were recorded and have the same shapes.
    """

    title: str
    variants: tuple[VariantFacts, ...]
    measure: str
    layer: str
    against: str
    scale: str
    surface: Surface | None = None


def study_facts(
    scenario: Scenario, runs: Sequence[tuple[Simulator, dict[str, float | None]]], failures: Failures = RAISED
) -> StudyFacts:
    """Collect what there is to draw of the trained simulators of a study, each with its final measures.

    An exception goes into `failures` under the name of the picture.
    """
    variants = []
    for name in tuple(scenario.variants) or ("",):
        about = scenario.about(name) if name else None
        own = [run for run in runs if about is None or run[0].scenario.variant == name]
        if not own:  # all of them diverged and left no network
            continue
        inputs = None
        with failures.kept(_input_picture(own[0][0])):
            inputs = input_map(own[0][0])
        variants.append(
            VariantFacts(
                name,
                about.group if about is not None else "",
                about.value if about is not None else None,
                tuple(
                    RunOfStudy(
                        simulator.seed,
                        simulator.history,
                        final,
                        simulator.recording,
                        inputs if place == 0 else None,
                    )
                    for place, (simulator, final) in enumerate(own)
                ),
            )
        )
    plots = scenario.plots
    measure = plots.measure or _usual_measure([final for _, final in runs])
    firsts = {simulator.scenario.variant: simulator for simulator, _ in reversed(runs)}
    surface = None
    with failures.kept("loss_surface"):
        surface = _surface([firsts[name] for name in scenario.variants if name in firsts])
    title = scenario.scenario.headline
    return StudyFacts(title, tuple(variants), measure, plots.layer, plots.against, plots.scale, surface)


def _input_picture(simulator: Simulator) -> str:
    """The picture of what several networks answer over their inputs."""
    if simulator.data.classes:
        return "decision_boundaries"
    return "fitted_surfaces" if simulator.network.inputs == 2 else "fitted_curves"


def _surface(simulators: Sequence[Simulator]) -> Surface | None:
    """The surface of the first run of each variant; None if they do not share one."""
    if len(simulators) < 2 or any(s.recording is None or not s.recording.parameters for s in simulators):
        return None
    first = simulators[0]
    shapes = [{name: array.shape for name, array in s.parameters.items()} for s in simulators]
    same_loss = all(s.scenario.data == first.scenario.data and s.network.loss == first.network.loss for s in simulators)
    # The functions between the weights shape the surface too.
    same_network = all(s.network.layers == first.network.layers for s in simulators)
    if not (same_loss and same_network and all(found == shapes[0] for found in shapes)):
        return None
    return loss_surface([(s.scenario.variant, s) for s in simulators])


def _usual_measure(finals: Sequence[dict[str, float | None]]) -> str:
    """The accuracy, or else the loss: on the test rows if there are any, otherwise on the training rows."""
    order = ("test_accuracy", "train_accuracy", "test_loss", "train_loss")
    return next((name for name in order if all(final.get(name) is not None for final in finals)), "train_loss")
