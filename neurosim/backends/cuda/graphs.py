"""Recording launches as a CUDA graph, so that the host starts a whole step for the price of one launch.

Recording needs numba-cuda and cuda.core; without them, and in the simulator, the launches are repeated each time.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

from neurosim.backends.cuda.device import launching_into
from neurosim.backends.cuda.target import cuda, simulated


class Replay:
    """Repeats the launches of a step.

    Parameters
    ----------
    step : function
        Makes the launches. They must be the same each time: values that change from step to step are read from the
        GPU's memory.
    """

    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step
        self._calls = 0
        self._graph: Any = None
        self._stream: Any = None

    def __call__(self) -> None:
        """One more step."""
        self._calls += 1
        # The first time, everything is compiled and loaded, which must not happen while launches are recorded.
        if self._calls == 2 and not simulated():
            self._record()
        if self._graph is not None:
            self._graph.launch(self._stream)
        else:
            self._step()

    def _record(self) -> None:
        try:
            core = importlib.import_module("cuda.core")
            device = core.Device()
            builder = device.create_graph_builder()
            builder.begin_building()
            with cuda.defer_cleanup(), launching_into(builder):
                self._step()
            self._graph = builder.end_building().complete()
            self._stream = device.default_stream
        except Exception as error:  # of many kinds: no cuda.core, an old driver, an operation that cannot be recorded
            self._graph = None
            cause = " ".join(str(error).split()) or type(error).__name__
            warnings.warn(
                f"no CUDA graph could be recorded ({cause}); each step is launched phase by phase, which is slower",
                RuntimeWarning,
                stacklevel=2,
            )
