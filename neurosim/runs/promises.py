"""Promises that a run cannot keep, however it goes, reported before training, which may take hours."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from neurosim.scenario import Claim, Scenario
from neurosim.scenario.study import names_in
from neurosim.training.simulator import Simulator

# At most so many warnings, and variants named in each.
MOST = 5
# Suffixes of measures of classes, and of values.
OF_CLASSES, OF_VALUES = ("_accuracy",), ("_rmse", "_r2")


@dataclass(frozen=True)
class Known:
    """What is known about a network before training: its scenario, its splits, and whether targets are classes."""

    scenario: Scenario
    splits: Collection[str]
    has_classes: bool


def known_of(simulator: Simulator) -> Known:
    """What is known about a simulator's network."""
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
    broken: dict[tuple[str, str, str], list[str]] = {}
    for place, key, why, name in _broken(scenario, networks):
        broken.setdefault((place, key, why), []).append(name)
    for (place, key, why), names in list(broken.items())[:MOST]:
        of = f" of {', '.join(names[:MOST])}{' and others' * (len(names) > MOST)}" if any(names) else ""
        warnings.warn(f"{place}: {key}{of} cannot be kept: {why}", stacklevel=2)
    if len(broken) > MOST:
        warnings.warn(f"{len(broken) - MOST} more promises cannot be kept: see [expect] and [[claims]]", stacklevel=2)


def _broken(scenario: Scenario, networks: Mapping[str, Known]) -> Iterator[tuple[str, str, str, str]]:
    """Place, key, reason and variant of each promise that cannot be kept."""
    for network in networks.values():
        for metric in network.scenario.expect:
            why = _missing(metric, network)
            if why:
                yield network.scenario.place(f"expect.{metric}"), f"expect.{metric}", why, ""
    for number, claim in enumerate(scenario.claims):
        for name in (*(claim.subjects or networks), *names_in(claim.exceeds)):
            key, why = _fault(claim, networks[name]) if name in networks else ("", "")
            if why:
                key = f"claims.{number}.{key}"
                yield scenario.place(key), key, why, name


def _fault(claim: Claim, network: Known) -> tuple[str, str]:
    """The key of a claim that asks for something that will not exist, and why; the reason is empty if all is well."""
    last, asked = network.scenario.training.epochs, network.scenario.record
    if claim.epoch is not None and claim.epoch > last:
        return "epoch", f"epoch {claim.epoch} never comes, as training.epochs is {last}"
    if not claim.recorded:
        return "measure", _missing(claim.measure, network)
    if claim.epoch and asked is not None and asked.per == "epoch" and claim.epoch % asked.every and claim.epoch != last:
        return "epoch", f"nothing is recorded after epoch {claim.epoch}, as record.every is {asked.every}"
    return "measure", ""


def _missing(measure: str, network: Known) -> str:
    """Why a measure will not exist; empty if it will."""
    split = measure.partition("_")[0]
    if split not in network.splits:
        return f"the data have no {split} rows; data.{split}_fraction sets some aside"
    if measure.endswith(OF_CLASSES) and not network.has_classes:
        return "the targets are values, which have no accuracy; promise a loss, an RMSE or R² instead"
    if measure.endswith(OF_VALUES) and network.has_classes:
        kind = "R²" if measure.endswith("_r2") else "RMSE"
        return f"the targets are classes, which have no {kind}; promise a loss or an accuracy instead"
    return ""
