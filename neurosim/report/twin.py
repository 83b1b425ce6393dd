"""A problem and the records of a registry as data and formulas for the page that trains; see ``assets/play``."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.rows import Rows
from neurosim.errors import PluginError
from neurosim.formulas.javascript import Script
from neurosim.network.layers import learned_names
from neurosim.network.layers.maxout import LARGER
from neurosim.plugin import Activation, FeedbackSchedule, Gate, Loss, Optimizer, RowActivation, Schedule
from neurosim.plugin.host import Registry
from neurosim.plugin.reductions import IS_BIAS, SCHULZ, SCHULZ_EPSILON, SCHULZ_STEPS
from neurosim.plugin.vectors import with_vectors
from neurosim.problem.assembly import Problem

# Written in JavaScript by hand, since they draw random numbers.
INITIALIZERS = (
    "zeros", "constant", "normal", "uniform", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal",
    "lecun_normal", "torch_linear",
)  # fmt: skip
# So are the data sets that the page makes by itself.
DATASETS = ("and", "or", "nand", "xor", "blobs", "circles", "moons", "spirals", "sine")


def catalog(
    registry: Registry,
    script: Script,
    losses: Mapping[str, Loss] | None = None,
    activations: Iterable[Activation] = (),
) -> dict[str, Any]:
    """The records that the page can use, by kind and name; `script` gets their formulas.

    What has a formula that JavaScript cannot have is left out. `losses` are taken in place of those of the same name:
    that of a network may have class weights of its own. `activations` are there besides those of the registry.
    """
    own = {name: _loss(record, script) for name, record in (losses or {}).items()}
    return {
        "activations": {
            **_written(registry.activations, script, _activation),
            **{record.name: _activation(record, script) for record in activations},
        },
        "gates": {**_written(registry.gates, script, _gate), LARGER.name: _gate(LARGER, script)},
        "maxout": LARGER.name,
        "losses": {**_written(registry.losses, script, _loss), **own},
        "optimizers": _written(registry.optimizers, script, _optimizer),
        "schedules": _written(registry.schedules, script, _schedule),
        "initializers": {name: {"params": _params(registry.initializers.get(name))} for name in INITIALIZERS},
        "datasets": {name: dict(registry.datasets.get(name).options) for name in DATASETS},
        "orthogonal": {"factors": list(SCHULZ), "steps": SCHULZ_STEPS, "epsilon": SCHULZ_EPSILON},
    }


def splits(problem: Problem) -> dict[str, dict[str, Any]]:
    """The rows of each split as the network gets them."""
    targets = problem.network.loss.record.targets
    found = {name: _rows(rows, targets) for name, rows in problem.splits.items()}
    if problem.data.made is not None:
        for name, split in found.items():
            split["raw"] = _bytes(getattr(problem.data, name).raw)
    return found


def _written(
    entries: Iterable[Any], script: Script, write: Callable[[Any, Script], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    found = {}
    for entry in entries:
        try:
            found[entry.record.name] = write(with_vectors(entry.record), script)
        except PluginError:
            continue
    return found


def _params(record: Any) -> dict[str, Any]:
    return {name: value for name, value in record.params.items() if not isinstance(value, tuple)}


def _loop(script: Script, name: str, arguments: str, line: str, params: int) -> str:
    """Add a loop around a formula, so that a browser sees one formula in one place and can make it one with the loop.

    `line` has ``CALL(...)`` where the formula is called; the loop is called with `arguments` and an array `p`.
    """
    given = "".join(f", p{place}" for place in range(params))
    call = line.replace("CALL(", f"FORMULAS.{name}(").replace(" PARAMS)", f"{given})")
    taken = f"const [{', '.join(f'p{place}' for place in range(params))}] = p;\n" if params else ""
    return script.add_text(f"function ({arguments}, p) {{\n{taken}{call}\n}}")


def _activation(record: Activation | RowActivation, script: Script) -> dict[str, Any]:
    count = len(record.params)
    f, df = script.add(record.f), script.add(record.derivative)
    entry = {
        "name": record.name,
        "row": isinstance(record, RowActivation),
        "f": f,
        "df": df,
        "params": _params(record),
        "learn": {},
        "per": "layer",
        "init": record.usual_init,
    }
    if isinstance(record, RowActivation):
        each = "for (let r = 0; r < count; r += 1) CALL({} PARAMS);"
        forward, backward = each.format("z[r], a[r]"), each.format("z[r], a[r], d[r], dz[r]")
    else:
        each = "for (let k = 0; k < count; k += 1) {} CALL({} PARAMS);"
        forward, backward = each.format("a[k] =", "z[k]"), each.format("dz[k] = d[k] *", "z[k], a[k]")
        slopes = record.learned_slopes
        learned = {name: script.add(slopes[name]) for name in learned_names(record)}
        entry |= {"learn": learned, "per": record.per}
    return entry | {
        "forward": _loop(script, f, "z, a, count", forward, count),
        "backward": _loop(script, df, "z, a, d, dz, count", backward, count),
    }


def _gate(record: Gate, script: Script) -> dict[str, Any]:
    du, dv = record.derivative
    return {"f": script.add(record.f), "du": script.add(du), "dv": script.add(dv), "params": _params(record)}


def _loss(record: Loss, script: Script) -> dict[str, Any]:
    count = len(record.params)

    def both(formula: Any, numbers: str) -> dict[str, Any]:
        value, gradient = script.add(formula.value), script.add(formula.derivative)
        return {
            "value": _loop(script, value, "z, a, y", f"return CALL({numbers} PARAMS);", count),
            "gradient": _loop(script, gradient, "z, a, y, d", f"CALL({numbers}, d PARAMS);", count),
            "trees": {"value": value, "gradient": gradient},
        }

    return {
        **both(record, "a, y"),
        "pairs": {pair.activation: both(pair, "z, a, y") for pair in record.from_logits},
        "targets": record.targets,
        "threshold": record.threshold,
        "params": _params(record),
    }


def _optimizer(record: Optimizer, script: Script) -> dict[str, Any]:
    def reduced(reduction: Any) -> dict[str, str]:
        return {name: getattr(reduction, name) for name in ("name", "operation", "of", "scope")}

    def all_of(part: Any) -> dict[str, str]:
        columns = [*part.numbers, *part.helpers]
        flag = columns.index(IS_BIAS) if IS_BIAS in part.helpers else None
        return script.add_update(part.function, len(columns), flag, len(part.results))

    return {
        "slots": list(record.slots),
        "params": _params(record),
        "parts": [
            {
                "role": part.role,
                **all_of(part),
                "numbers": list(part.numbers),
                "helpers": list(part.helpers),
                "results": list(part.results),
                "before": [reduced(reduction) for reduction in part.before],
            }
            for part in record.parts
        ],
    }


def _schedule(record: Schedule | FeedbackSchedule, script: Script) -> dict[str, Any]:
    return {
        "factor": script.add(record.factor),
        "unit": "losses" if isinstance(record, FeedbackSchedule) else record.unit,
        # Vectors too: a schedule's function takes them as they are.
        "params": {name: list(value) if isinstance(value, tuple) else value for name, value in record.params.items()},
    }


def _rows(rows: Rows, targets: str) -> dict[str, Any]:
    return {
        "x": {**_bytes(rows.features), "scale": rows.scale, "shift": rows.shift},
        "values": _bytes(rows.values) if rows.values.shape[0] else None,
        "classes": rows.classes.tolist() if rows.classes.size else None,
        "weights": rows.weights.tolist() if rows.weights.size else None,
        "accuracy": rows.accuracy,
        "targets": targets,
    }


def _bytes(numbers: NDArray[Any]) -> dict[str, str]:
    """Numbers as text, of their own kind: bytes of images stay bytes."""
    kind = {"uint8": "|u1", "float32": "<f4"}.get(numbers.dtype.name, "<f8")
    return {"kind": kind[1:], "base64": base64.b64encode(np.ascontiguousarray(numbers, kind).tobytes()).decode()}
