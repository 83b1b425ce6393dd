"""Everything that the pictures of a run show, as plain data that another process can be given."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurosim.analysis.inputs import InputMap, Points, input_map
from neurosim.history import History

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
    """

    title: str
    history: History
    inputs: InputMap | None

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
        return RunFacts(about["title"], History(about["history"]), inputs)


def run_facts(simulator: Simulator) -> RunFacts:
    """Collect what there is to draw of a trained simulator."""
    return RunFacts(simulator.scenario.scenario.title, simulator.history, input_map(simulator))
