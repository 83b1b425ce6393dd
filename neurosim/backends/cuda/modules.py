"""Loading the generated kernels of a network; compiler errors are reported in terms of the author's line."""

from __future__ import annotations

from types import ModuleType

from neurosim.backends.cache import load_generated
from neurosim.backends.cpu.groups import is_small
from neurosim.backends.cuda.device import GENERATED
from neurosim.backends.cuda.generation import Tiles, generate
from neurosim.backends.cuda.teams import Team
from neurosim.network.network import Network
from neurosim.network.training import Training

# For kernels without products in tiles.
NO_TILES = Tiles(1, 1, 1, 1, 1)


def load_kernels(
    network: Network,
    training: Training,
    tiles: Tiles,
    kernels: str,
    team: Team | None = None,
    *,
    own_text: str = "",
) -> ModuleType:
    """The module of one kind of kernels for a network; those of ``single_block`` are for a team.

    `own_text` is what those of ``resident`` need to know of it (see `neurosim.backends.cuda.resident`).

    Raises
    ------
    PluginError
        Naming file and line, for a formula that cannot be compiled.
    """
    generated = generate(
        network,
        training.optimizer.record,
        tiles,
        kernels,
        looks_at_arrays=training.looks_at_arrays,
        averages=training.average is not None,
        own_text=own_text,
        # As the CPU engine does, but not where it trains small networks.
        flushing=kernels == "separate" or not is_small(network, training),
        team=None if team is None else (team.threads, team.text()),
    )
    module = load_generated(f"cuda_{kernels}", generated.text)
    # A kernel is compiled when it is first launched; this serves to report errors at that time.
    setattr(module, GENERATED, generated)
    return module
