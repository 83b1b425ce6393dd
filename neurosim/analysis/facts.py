"""Everything that the pictures of a run show, as plain data that another process can be given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from neurosim.analysis.catalogue import CATALOGUE, RECORDED
from neurosim.analysis.classification import Classification, Mistake, classification
from neurosim.analysis.diagram import Diagram, diagram
from neurosim.analysis.failures import Failures, Unforgiven
from neurosim.analysis.feature_maps import FeatureMaps, LayerOutputs, feature_maps
from neurosim.analysis.hidden import HiddenMoment, HiddenSpace, hidden_space
from neurosim.analysis.inputs import InputMap, Points, input_map
from neurosim.analysis.packing import pack, unpack
from neurosim.analysis.parameters import ParameterPaths, parameter_paths
from neurosim.analysis.responses import ChannelResponses, channel_responses
from neurosim.analysis.surfaces import Path, Surface, loss_surface
from neurosim.analysis.units import LayerMaps, UnitMaps, unit_maps
from neurosim.analysis.weights import Kernels, filters, weight_images
from neurosim.training.history import History
from neurosim.training.recording import Recording

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator

_CLASSES = (
    ChannelResponses, Classification, Diagram, FeatureMaps, HiddenMoment, HiddenSpace, InputMap, Kernels, LayerMaps,
    LayerOutputs, Mistake, ParameterPaths, Path, Points, Recording, Surface, UnitMaps,
)  # fmt: skip
# What each picture is drawn from; several may be drawn from the same.
_PARTS: dict[str, Callable[[Simulator], Any]] = {
    "inputs": input_map,
    "hidden": hidden_space,
    "units": unit_maps,
    "diagram": diagram,
    "paths": parameter_paths,
    "surface": lambda simulator: loss_surface([("", simulator)]),
    "classification": classification,
    "weights": weight_images,
    "filters": filters,
    "maps": feature_maps,
    "responses": channel_responses,
    # The parameters are large, and what is drawn of them is drawn of other parts.
    "recording": lambda simulator: simulator.recording and replace(simulator.recording, parameters={}, optimizer=[]),
}
PART_OF = {
    "decision_boundary": "inputs",
    "fitted_curve": "inputs",
    "fitted_surface": "inputs",
    "hidden_space": "hidden",
    "unit_maps": "units",
    "network_diagram": "diagram",
    "parameters": "paths",
    "loss_surface": "surface",
    "confusion_matrix": "classification",
    "worst_mistakes": "classification",
    "first_layer_weights": "weights",
    "filters": "filters",
    "feature_maps": "maps",
    "responses": "responses",
    **dict.fromkeys(RECORDED, "recording"),
}


@dataclass(frozen=True)
class RunFacts:
    """What there is to draw of a run.

    Attributes
    ----------
    title : str
        Title of the scenario.
    history : History
        The epochs.
    pictures : tuple of str
        Names of the pictures to draw.
    formats : tuple of str
        What they are written as: "png", "svg".
    loss : str
        What the loss is called.
    parts : dict of str to facts
        What the pictures are drawn from.
    """

    title: str
    history: History
    pictures: tuple[str, ...]
    formats: tuple[str, ...] = ("png",)
    loss: str = "loss"
    parts: dict[str, Any] = field(default_factory=dict)

    def part(self, picture: str) -> Any:
        """What a picture is drawn from; the history where it needs nothing else."""
        return self.parts[PART_OF[picture]] if picture in PART_OF else self.history

    def to_bytes(self) -> bytes:
        """The facts as an npz archive; `from_bytes` reads it."""
        return pack(self)

    @staticmethod
    def from_bytes(content: bytes) -> RunFacts:
        """Facts from what `to_bytes` gave."""
        facts: RunFacts = unpack(content, (*_CLASSES, RunFacts))
        return facts


def run_facts(
    simulator: Simulator,
    pictures: Sequence[str] | None = None,
    formats: Sequence[str] | None = None,
    failures: Failures | None = None,
) -> RunFacts:
    """Collect what there is to draw of a trained simulator.

    Left out, pictures and formats are those that the scenario's ``[plots]`` asks for; of these, pictures that this
    network cannot have are left out. So is a picture whose facts cannot be collected: what was raised is put into
    `failures`, or raised where these are left out.
    """
    failures = Unforgiven() if failures is None else failures
    asked = simulator.scenario.plots
    wanted = asked.pictures if pictures is None else pictures
    drawn = []
    for name in CATALOGUE if wanted is None else dict.fromkeys(wanted):
        with failures.kept(name):
            picture = CATALOGUE[name]
            if (wanted is not None or picture.usual(simulator)) and not picture.lacks(simulator):
                drawn.append(name)
    parts: dict[str, Any] = {}
    for part in dict.fromkeys(PART_OF[name] for name in drawn if name in PART_OF):
        with failures.kept(*(name for name in drawn if PART_OF.get(name) == part)):
            parts[part] = _PARTS[part](simulator)
    kept = tuple(name for name in drawn if name not in failures and _has_something(name, parts))
    loss = "loss of standardized targets" if simulator.data.scales_targets else "loss"
    title = simulator.scenario.scenario.headline
    return RunFacts(title, simulator.history, kept, tuple(formats or asked.formats), loss, parts)


def _has_something(name: str, parts: Mapping[str, Any]) -> bool:
    """Whether there is anything to draw."""
    if name == "worst_mistakes":
        return bool(parts["classification"].mistakes)
    return name not in PART_OF or bool(parts[PART_OF[name]])
