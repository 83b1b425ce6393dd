"""The page that trains, as a single file; its script starts a worker from its own text."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from neurosim.errors import UsageError
from neurosim.formulas.javascript import Script
from neurosim.markup import escape
from neurosim.plugin import Activation
from neurosim.problem.assembly import Problem
from neurosim.report.document import document
from neurosim.report.engine import asset, engine
from neurosim.report.twin import catalog, splits
from neurosim.scenario import Scenario
from neurosim.scenario.augmentation import AugmentationSection

# In the order of their dependencies; behind them the page begins.
MODULES = (
    "basics", "plane", "curves", "play/settings", "play/access", "play/maps", "play/diagram", "play/unit",
    "play/output", "play/losses", "play/controls", "play/more", "play/hiding", "play/opening", "play/pad",
    "play/questions", "play/worker", "play/remote", "play/formula", "play/editing", "play/tables", "play/app",
    "play/distant", "play/start",
)  # fmt: skip
# The kinds of layers in ``assets/play/layers/kinds.js``.
KINDS = (
    "dense", "activation", "gated", "maxout", "dropout", "batch_norm", "layer_norm", "flatten", "residual",
    "concatenation",
)  # fmt: skip
# Of all rows: 8 MB.
MOST_NUMBERS = 1_000_000
# Of a network whose numbers come from the server.
MOST_PARAMETERS = 50_000


def playground(
    scenario: Scenario,
    problem: Problem,
    served: Mapping[str, Any] | None = None,
    activations: Iterable[Activation] = (),
) -> str:
    """The page for a scenario whose data are loaded.

    With `served` the page stays connected to the server that it is from, whose `engine`, if it has one, trains.
    `activations` are offered besides those of the registry.

    Raises
    ------
    UsageError
        For what the page cannot train.
    """
    script = Script()
    own = {scenario.network.loss.name: problem.network.loss.record}
    known = catalog(scenario.registry, script, own, activations)
    distant = False
    if served is not None and served.get("engine"):
        distant = not _evaluates(scenario, problem, known)
    else:
        _check(scenario, problem, known)
    given = _given(scenario, problem, known, splits={} if distant else splits(problem))
    if served is not None:
        given["served"] = {**served, "distant": distant}
    allowed = "worker-src blob:; " + ("" if served is None else "connect-src 'self'; ")
    title = scenario.scenario.headline
    return document(
        title,
        f"<header><h1>{escape(title)}</h1></header>",
        ("given", given),
        asset("page.css") + asset("play.css"),
        [engine(script), *(asset(f"{name}.js") for name in MODULES)],
        allowed=allowed,
        compiles=True,
        kind="play",
    )


def _given(scenario: Scenario, problem: Problem, known: dict[str, Any], splits: dict[str, Any]) -> dict[str, Any]:
    data, network = problem.data, problem.network
    affine = {"scale": data.feature_scale, "shift": data.feature_shift}
    of_targets = {"scale": data.target_scale, "shift": data.target_shift}
    tables = tomllib.loads(scenario.to_toml())
    made = data.made
    if made is not None:
        known = {**known, "made": {"names": made.names, "steps": dict(zip(made.texts, made.steps, strict=True))}}
    return {
        "scenario": {name: tables[name] for name in ("scenario", "data", "network", "optimizer", "training")},
        "title": scenario.scenario.headline,
        "lesson": scenario.scenario.lesson,
        "play": tables.get("play"),
        "catalog": known,
        "names": list(data.feature_labels) or [f"x{k + 1}" for k in range(network.inputs)],
        "data": {
            "splits": splits,
            "inputs_": {key: np.broadcast_to(value, network.inputs).tolist() for key, value in affine.items()},
            "inputs": network.inputs,
            "features": None if made is None else {"names": data.raw_labels, "made": made.steps},
            "outputs": {key: value.tolist() for key, value in of_targets.items()},
            "classes": list(data.class_labels),
            # Of gray pictures with a class for each output.
            "image": list(data.image_shape[:2]) if _is_gray(problem) else None,
        },
    }


def _is_gray(problem: Problem) -> bool:
    data, network = problem.data, problem.network
    gray = len(data.image_shape) == 2 or (len(data.image_shape) == 3 and data.image_shape[2] == 1)
    return gray and math.prod(data.image_shape) == network.inputs and len(data.class_labels) == network.outputs > 1


def _evaluates(scenario: Scenario, problem: Problem, known: dict[str, Any]) -> bool:
    """Whether a page whose network is trained by its server can follow that with numbers of its own."""
    if problem.network.size > MOST_PARAMETERS:
        return False
    try:
        _check(scenario, problem, known)
    except UsageError:
        return False
    return True


def _check(scenario: Scenario, problem: Problem, known: dict[str, Any]) -> None:
    """Raise UsageError for what the page cannot train."""
    network, name = problem.network, scenario.scenario.name
    other = f"Train it with: neurosim run {name}"
    lacking = next((layer for layer in network.parts if layer.kind not in KINDS), None)
    if lacking is not None:
        kinds = "dense layers, activations, dropout, normalization, residual layers and branches of these"
        raise UsageError(f"the page cannot train network.{lacking.name} ({lacking.kind}): it has {kinds}", other)
    if network.frozen:
        raise UsageError("the page cannot train with frozen layers: it would train them too", other)
    if scenario.augmentation != AugmentationSection():
        raise UsageError("the page cannot train with augmentation, which changes the images in every epoch", other)
    if scenario.training.batch_schedule is not None:
        raise UsageError("the page cannot train with training.batch_schedule", other)
    named = [("activations", layer.activation.name) for layer in network.activated]
    named += [("gates", layer.gate.name) for layer in network.combining]
    named += [("initializers", layer.init.name) for layer in network.weighted if layer.given[0] is None]
    named += [("optimizers", scenario.optimizer.name)]
    schedules = [scenario.optimizer.schedule, *(scenario.optimizer.schedules or {}).values()]
    named += [("schedules", chosen.name) for chosen in schedules if chosen is not None]
    for kind, record in named:
        if record not in known[kind]:
            raise UsageError(
                f"the page has no {kind.removesuffix('s')} {record!r}: it cannot be written in JavaScript", other
            )
    rows = sum(split.count for split in problem.splits.values())
    if rows * network.inputs > MOST_NUMBERS:
        raise UsageError(
            f"the page would hold {rows:,} rows of {network.inputs:,} numbers, with room for {MOST_NUMBERS:,} numbers",
            "Show it fewer rows: images have data.samples and data.test_samples, such as 800 and 200.",
        )
