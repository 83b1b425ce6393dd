"""The JSON Schema of scenario files, with which editors complete and check them.

The copy in the tree, `scenario.schema.json`, is what `render` gives.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from neurosim.network.layers.kinds import SECTIONS
from neurosim.plugin.activation_records import PER
from neurosim.plugin.host import BUILTIN, Catalog, Registry, build_registry
from neurosim.scenario.schema import ScenarioFile
from neurosim.scenario.study import SPLITS

COPY = Path(__file__).with_name("scenario.schema.json")

_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "string"}
_LAYERS = {section.__name__: str(section.model_config["title"]) for section in SECTIONS.values()}
_NUMBER = {"type": ["number", "boolean"]}
# A number, or a list of them for a parameter that is a vector.
_PARAMETER = {"type": ["number", "boolean", "array"], "items": _NUMBER, "minItems": 1}


def json_schema(registry: Registry | None = None) -> dict[str, Any]:
    """The schema (Draft 2020-12) of a scenario file.

    Parameters
    ----------
    registry : Registry, optional
        Whose names editors are to offer; the built-ins and the installed plugins when left out.
        Other names stay valid: a plugin may be loaded when the scenario runs.
    """
    return _schema(build_registry() if registry is None else registry, plugin=None)


def render() -> str:
    """The schema with the names of the built-ins only, as the text of `scenario.schema.json`."""
    schema = _schema(build_registry(entry_points=False, environment=False), plugin=BUILTIN)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _Generator(GenerateJsonSchema):
    """Calls the table of a layer by the layer's name."""

    def normalize_name(self, name: str) -> str:
        return _LAYERS.get(name, super().normalize_name(name))


def _schema(registry: Registry, plugin: str | None) -> dict[str, Any]:
    schema = ScenarioFile.model_json_schema(schema_generator=_Generator)
    definitions = schema["$defs"]
    _offer_names(schema, registry, plugin)
    parameters = [record.params for record in _records(registry.optimizers, plugin)]
    names = dict.fromkeys(name for params in parameters for name in params)
    definitions["OptimizerSection"]["properties"] |= dict.fromkeys(names, _PARAMETER)
    definitions["OptimizerSection"]["properties"]["lr"] = {"type": "number", "minimum": 0}
    definitions["OptimizerSection"]["additionalProperties"] = _PARAMETER
    definitions["DataSection"]["properties"] |= _options(registry, plugin)
    definitions["DataSection"]["properties"]["source"] |= _names(registry.datasets, plugin)
    definitions["DataSection"]["additionalProperties"] = {"type": ["string", "number", "boolean", "array"]}
    del definitions["Choice"], definitions["ActivationChoice"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _offer_names(node: Any, registry: Registry, plugin: str | None) -> None:
    """Replace the marks that `schema.py` puts on names by what may stand there."""
    if isinstance(node, dict):
        if node.pop("measures", False):
            metrics = sorted({record.name for record in _records(registry.metrics, plugin)})
            node["enum"] += [f"{split}_{name}" for name in metrics for split in SPLITS]
        catalog = node.pop("names", None) if isinstance(node.get("names"), str) else None
        if catalog is not None:
            name = _names(getattr(registry, catalog), plugin)
            if "type" not in node:  # a name with parameters
                per = {"per": {"enum": list(PER)}} if catalog == "activations" else {}
                table = {"type": "object", "properties": {"name": name, **per}, "required": ["name"]}
                name = {"anyOf": [*name["anyOf"], {**table, "additionalProperties": _PARAMETER}]}
            for key in ("$ref", "anyOf", "type", "default"):
                node.pop(key, None)
            node |= name
        for part in node.values():
            _offer_names(part, registry, plugin)
    elif isinstance(node, list):
        for part in node:
            _offer_names(part, registry, plugin)


def _records(catalog: Catalog, plugin: str | None) -> list[Any]:
    return [entry.record for entry in catalog if plugin in (None, entry.plugin.name)]


def _names(catalog: Catalog, plugin: str | None) -> dict[str, Any]:
    names = sorted(catalog.spelling(entry) for entry in catalog if plugin in (None, entry.plugin.name))
    return {"anyOf": [{"enum": names}, {"type": "string"}]}


def _options(registry: Registry, plugin: str | None) -> dict[str, Any]:
    """Options of all data sets; one that several have may be what any of them takes."""
    types: dict[str, set[str]] = {}
    for record in _records(registry.datasets, plugin):
        for name, default in record.options.items():
            more = ["array"] if name in record.several else []
            types.setdefault(name, set()).update([_JSON_TYPES.get(type(default), "array"), *more])
    return {name: {"type": sorted(found)} for name, found in sorted(types.items())}
