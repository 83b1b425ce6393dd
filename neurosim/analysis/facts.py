"""Everything that the pictures of a run show, as plain data that another process can be given."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurosim.analysis.inputs import InputMap, Points, input_map
from neurosim.analysis.responses import ChannelResponses, channel_responses
from neurosim.history import History
from neurosim.recording import Recording

# What was recorded, among the other arrays.
_RECORDED = "recorded "

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.simulator import Simulator


@dataclass(frozen=True)
class RunFacts:
    """What there is to draw of a run.

    Attributes
    ----------
    title : str
        Title of the scenario.
    history : History
        The epochs.
    inputs : InputMap or None
        The network's answers over its inputs, where they can be drawn.
    responses : tuple of ChannelResponses
        What the convolutions respond to; empty for networks without.
    recording : Recording or None
        What was recorded of the layers.
    """

    title: str
    history: History
    inputs: InputMap | None
    responses: tuple[ChannelResponses, ...] = ()
    recording: Recording | None = None

    def to_bytes(self) -> bytes:
        """The facts as an npz archive; `from_bytes` reads it."""
        about: dict[str, object] = {"title": self.title, "history": list(self.history)}
        arrays: dict[str, NDArray[np.generic]] = {}
        if self.inputs is not None:
            shown = self.inputs
            about |= {"splits": list(shown.points), "labels": shown.labels, "classes": shown.classes}
            about |= {"threshold": shown.threshold, "axes": len(shown.axes)}
            arrays |= {f"axis {k}": axis for k, axis in enumerate(shown.axes)}
            arrays["outputs"] = shown.outputs
            for split, points in shown.points.items():
                arrays |= {f"{split} inputs": points.inputs, f"{split} targets": points.targets}
        about["responses"] = [entry.layer for entry in self.responses]
        for entry in self.responses:
            arrays |= {f"{entry.layer} patches": entry.patches, f"{entry.layer} strongest": entry.strongest}
        if self.recording is not None:
            arrays |= {_RECORDED + name: array for name, array in self.recording.arrays().items()}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)
        return buffer.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> RunFacts:
        """Facts from what `to_bytes` gave."""
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            about = json.loads(str(archive["about"]))
            inputs = None
            if "axes" in about:
                splits = about["splits"]
                inputs = InputMap(
                    tuple(archive[f"axis {k}"] for k in range(about["axes"])),
                    archive["outputs"],
                    {split: Points(archive[f"{split} inputs"], archive[f"{split} targets"]) for split in splits},
                    tuple(about["labels"]),
                    tuple(about["classes"]),
                    about["threshold"],
                )
            responses = tuple(
                ChannelResponses(layer, archive[f"{layer} patches"], archive[f"{layer} strongest"])
                for layer in about["responses"]
            )
            names = [name for name in archive.files if name.startswith(_RECORDED)]
            recorded = {name.removeprefix(_RECORDED): archive[name] for name in names}
            recording = Recording.from_arrays(recorded) if recorded else None
        return RunFacts(about["title"], History(about["history"]), inputs, responses, recording)


def run_facts(simulator: Simulator) -> RunFacts:
    """Collect what there is to draw of a trained simulator."""
    title = simulator.scenario.scenario.title
    return RunFacts(title, simulator.history, input_map(simulator), channel_responses(simulator), simulator.recording)
