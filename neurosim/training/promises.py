"""Promises that a run cannot keep, however it goes: known before it is trained, which may take hours."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from neurosim.scenario import Claim, Scenario
from neurosim.scenario.study import names_in
from neurosim.simulator import Simulator

# Measures by the end of their name: whether they are of classes, or of values.
OF_CLASSES, OF_VALUES = ("_accuracy",), ("_rmse", "_r2")


@dataclass(frozen=True)
class Known:
    """What is known of a network before it is trained: its scenario, which splits there are, and of what."""

    scenario: Scenario
    splits: Collection[str]
    has_classes: bool


def known_of(simulator: Simulator) -> Known:
    """The same of a simulator."""
    return Known(simulator.scenario, simulator.splits, bool(simulator.data.classes))


def warn_of_promises(scenario: Scenario, networks: Mapping[str, Known]) -> None:
    """Warn of each bound of ``[expect]`` and each claim that cannot be kept, with its place in the scenario.

    Parameters
    ----------
    scenario : Scenario
        What is trained: a single network or a study.
    networks : dict of str to Known
        One of each variant by its name, "" where there are none.
    """
    for words in dict.fromkeys(_broken(scenario, networks)):
        warnings.warn(words, stacklevel=2)


def _broken(scenario: Scenario, networks: Mapping[str, Known]) -> Iterator[str]:
    for network in networks.values():
        for metric in network.scenario.expect:
            why = _missing(metric, network)
            if why:
                yield f"{network.scenario.place(f'expect.{metric}')}: expect.{metric}: {why}"
    for number, claim in enumerate(scenario.claims):
        for name in (*(claim.subjects or networks), *names_in(claim.exceeds)):
            if name in networks:
                key, why = _fault(claim, networks[name])
                if why:
                    of = f" of {name}" if name else ""
                    yield f"{scenario.place(f'claims.{number}.{key}')}: claims.{number}.{key}{of}: {why}"


def _fault(claim: Claim, network: Known) -> tuple[str, str]:
    """The key of a claim that asks for what there will not be, and why; the latter is empty where all will be."""
    last, asked = network.scenario.training.epochs, network.scenario.record
    if claim.epoch is not None and claim.epoch > last:
        return "epoch", f"epoch {claim.epoch} never comes: training.epochs is {last}, so this claim cannot be kept"
    if not claim.recorded:
        return "measure", _missing(claim.measure, network)
    if claim.epoch and asked is not None and asked.per == "epoch" and claim.epoch % asked.every and claim.epoch != last:
        why = f"nothing is recorded after epoch {claim.epoch}: record.every is {asked.every}"
        return "epoch", f"{why}, so this claim cannot be kept"
    return "measure", ""


def _missing(measure: str, network: Known) -> str:
    """Why there will be no such measure; empty where there will be."""
    split = measure.partition("_")[0]
    if split not in network.splits:
        return f"the data have no {split} rows, so this cannot be kept; data.{split}_fraction keeps some apart"
    if measure.endswith(OF_CLASSES) and not network.has_classes:
        return "the targets are values, which have no accuracy; promise a loss, an RMSE or R² instead"
    if measure.endswith(OF_VALUES) and network.has_classes:
        kind = "R²" if measure.endswith("_r2") else "RMSE"
        return f"the targets are classes, which have no {kind}; promise a loss or an accuracy instead"
    return ""
