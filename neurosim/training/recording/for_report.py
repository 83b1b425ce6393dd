"""What a run records so that the page about it can move: little enough that training does not notice."""

from __future__ import annotations

from neurosim.network.network import Network
from neurosim.scenario import RecordSection

FRAMES = 60
FEW_INPUTS = 4
# Float32 numbers in all: parameters of larger networks are not kept, unless the scenario asks for them.
MOST_NUMBERS = 1_000_000


def recorded_for_report(asked: RecordSection | None, network: Network, epochs: int, classes: int) -> RecordSection:
    """What a scenario asks for, and what its report shows besides.

    Parameters
    ----------
    asked : RecordSection or None
        What the scenario says; how often it says stays so.
    network : Network
        Its parameters are recorded where its answers can be drawn over one or two inputs, and where it sorts rows of a
        few inputs into classes: then its hidden space can be drawn.
    epochs : int
        How many will be trained.
    classes : int
        How many classes there are; 0 for values.
    """
    section = asked or RecordSection(quantities=["gradient_norm"], every=max(1, -(-epochs // FRAMES)))
    if section.per != "epoch":
        return section
    wanted = ["gradient_norm", "activation_histogram", "weight_histogram"]
    if classes:
        wanted.append("confusion")
    times = epochs // section.every + 2
    few = network.inputs <= (FEW_INPUTS if classes else 2)
    if few and times * (network.size + len(network.start_statistics())) <= MOST_NUMBERS:
        wanted.append("parameters")
    return section.model_copy(update={"quantities": list(dict.fromkeys([*section.quantities, *wanted]))})


def asked_for(recorded: RecordSection | None, network: Network, epochs: int, classes: int) -> RecordSection | None:
    """What a scenario has asked for whose run recorded this for its report: the least that leads to it.

    Parameters are those of `recorded_for_report`; what no report has added to is returned as it is.
    """
    if recorded is None:
        return None
    if recorded_for_report(None, network, epochs, classes) == recorded:
        return None
    for count in range(1, len(recorded.quantities)):
        asked = recorded.model_copy(update={"quantities": recorded.quantities[:count]})
        if recorded_for_report(asked, network, epochs, classes) == recorded:
            return asked
    return recorded
