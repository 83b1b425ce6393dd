"""The keys that ``--set`` takes for a scenario, for completion and for suggestions.

They come from the file as it stands and from the copy of the JSON Schema; nothing that checks scenarios is loaded.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from neurosim.scenario.locate import KeyPath, value_at
from neurosim.scenario.shipped_scenarios import by_name

if TYPE_CHECKING:
    from neurosim.plugin.host import Registry

SECTIONS = ("training", "optimizer", "network", "data", "augmentation", "scenario", "record", "plots", "expect")
_SCHEMA = Path(__file__).with_name("scenario.schema.json")
_MOST_BYTES = 1 << 20
# What other tools, and people, call them.
_OTHER_WORDS = {
    "activations": "activation",
    "alpha": "lr",
    "batch": "batch_size",
    "batchsize": "batch_size",
    "bs": "batch_size",
    "dataset": "source",
    "dropout": "rate",
    "epoch": "epochs",
    "eta": "lr",
    "filters": "channels",
    "hidden": "units",
    "hidden_size": "units",
    "hidden_units": "units",
    "learningrate": "lr",
    "learning_rate": "lr",
    "max_epochs": "epochs",
    "n_epochs": "epochs",
    "neurons": "units",
    "nodes": "units",
    "num_epochs": "epochs",
    "opt": "optimizer",
    "optim": "optimizer",
    "width": "units",
}
# Keys of layers that hold others.
_OF_LAYERS = frozenset({"layers", "shortcut", "branches"})
# Sections that people mean one key of.
_MAIN = {"optimizer": "optimizer.name", "data": "data.source"}


class Key(NamedTuple):
    """A key that can be set.

    Attributes
    ----------
    path : str
        The key path.
    about : str
        What it is, in a line; empty where that is not known.
    value : object
        What the scenario has there; None where it has nothing.
    choices : tuple of str
        The names that it may be, where it is one.
    """

    path: str
    about: str
    value: Any
    choices: tuple[str, ...]


def tree_of(source: str) -> dict[str, Any]:
    """The TOML of a scenario by name or path, unchecked; empty where it cannot be read."""
    path = by_name().get(source, Path(source))
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            return tomllib.loads(file.read(_MOST_BYTES).decode())
    except (OSError, ValueError, RecursionError):
        return {}


def setting_keys(tree: Mapping[str, Any], registry: Registry | None = None) -> Iterator[Key]:
    """Every key of a scenario: those that it has and those that it could have.

    With `registry` the options of its data set and the parameters of its optimizer are among them.
    """
    schema = _schema()
    for section in SECTIONS:
        entry = schema["properties"][section]
        value = tree.get(section)
        if section == "expect":
            yield from _present(value, section)
            continue
        own = _options(section, value, registry)
        yield from _walk(_definition(entry, value), value, section, own)


def find_key(word: str, tree: Mapping[str, Any], registry: Registry | None = None, *, near: bool = True) -> Key | None:
    """The key that is meant by a word, such as ``lr``, ``batch-size`` or ``optimizer``; None where there is none.

    Of several the one that the scenario has counts, and of several layers the first; with `near` a word that is
    of nearly the same spelling counts too.
    """
    wanted = word.lower().replace("-", "_")
    wanted = _OTHER_WORDS.get(wanted, wanted)
    found = list(setting_keys(tree, registry))
    for key in sorted(found, key=lambda key: key.value is None):
        last = key.path.rpartition(".")[2]
        if wanted in (last, key.path, key.path.replace(".", "_")) or key.path == _MAIN.get(wanted):
            return key
    lasts = dict.fromkeys(key.path.rpartition(".")[2] for key in found)
    close = difflib.get_close_matches(wanted, lasts, n=1, cutoff=0.8) if near else []
    return find_key(close[0], tree, registry, near=False) if close else None


def misplaced(
    values: Mapping[tuple[str | int, ...], Any], tree: Mapping[str, Any], registry: Registry | None = None
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Of key paths to be set those that lack their beginning or end, such as ``epochs``, with what was meant."""
    for path, value in values.items():
        dotted = ".".join(map(str, path))
        if path[0] not in _schema()["properties"]:
            ends = (key for key in setting_keys(tree, registry) if key.path.endswith(f".{dotted}"))
            key = next(ends, None) or (find_key(dotted, tree, registry) if len(path) == 1 else None)
            if key is not None:
                yield path[:1], f'unknown key; did you mean "{key.path}"?'
        elif len(path) == 1 and _MAIN.get(dotted) and not isinstance(value, Mapping):
            yield path, f'is a section; did you mean "{_MAIN[dotted]}"?'


@cache
def _schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    return loaded


def _walk(definition: Mapping[str, Any], value: Any, path: str, own: Mapping[str, Any]) -> Iterator[Key]:
    """The keys below `path`; `own` are options and parameters of what is named there, with their defaults."""
    present = value if isinstance(value, Mapping) else {}
    stated = {name: part for name, part in definition.get("properties", {}).items() if "description" in part}
    for name in dict.fromkeys([*stated, *present, *own]):
        here, now = f"{path}.{name}", present.get(name)
        part = stated.get(name, {})
        if name in _OF_LAYERS and isinstance(now, list):
            yield from _listed(part, now, here)
            continue
        below = _definition(part, now)
        if below is not part:
            yield from _walk(below, now, here, {})
        elif isinstance(now, Mapping):
            yield from _present(now, here)
        else:
            yield Key(here, part.get("description", ""), now, tuple(_choices(part)))


def _listed(part: Mapping[str, Any], values: list[Any], path: str) -> Iterator[Key]:
    """The keys of the tables in a list, or in the lists in it."""
    items = _items(part)
    for place, value in enumerate(values):
        if isinstance(value, list):
            yield from _listed(items, value, f"{path}.{place}")
        else:
            yield from _walk(_definition(items, value), value, f"{path}.{place}", {})


def _present(value: Any, path: str) -> Iterator[Key]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _present(part, f"{path}.{name}")
    elif value is not None:
        yield Key(path, "", value, ())


def keys_at(path: KeyPath, tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keys that the table at a key path may have, each with what the schema says of it."""
    definition: Mapping[str, Any] = _schema()
    here: Any = tree
    for part in path:
        here = value_at(here, (part,))
        inner = definition.get("properties", {}).get(part) or _items(definition)
        definition = _definition(inner or definition.get("additionalProperties"), here)
    keys: Mapping[str, Any] = definition.get("properties", {})
    return keys


def meaning_of(path: KeyPath, tree: Mapping[str, Any]) -> str:
    """What the schema says of a key; empty where it says nothing."""
    key = keys_at(path[:-1], tree).get(str(path[-1]), {})
    return str(key.get("description") or _definition(key, None).get("description", ""))


def _definition(part: Any, value: Any) -> Mapping[str, Any]:
    """What a part of the schema says of the table or list that it allows: of a layer what belongs to its kind."""
    if not isinstance(part, Mapping):
        return {}
    for option in (part, *part.get("anyOf", ()), *part.get("oneOf", ())):
        if "$ref" not in option:
            continue
        found: Mapping[str, Any] = _schema()["$defs"][option["$ref"].rpartition("/")[2]]
        kind = found.get("properties", {}).get("kind", {}).get("const")
        if kind is None or (isinstance(value, Mapping) and value.get("kind") == kind):
            return found
    return part


def _items(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a part of the schema says of the entries of the list that it allows; nothing where it allows none."""
    found: Mapping[str, Any] = next(
        (option["items"] for option in (part, *part.get("anyOf", ())) if "items" in option), {}
    )
    return found


def _choices(part: Mapping[str, Any]) -> Iterator[str]:
    if part.get("type") == "boolean":
        yield from ("true", "false")
    for option in (part, *part.get("anyOf", ())):
        yield from option.get("enum", ())


def _options(section: str, value: Any, registry: Registry | None) -> Mapping[str, Any]:
    """Options of the data set, or parameters of the optimizer, that a section names."""
    name = value.get({"data": "source", "optimizer": "name"}.get(section, "")) if isinstance(value, Mapping) else None
    if registry is None or not isinstance(name, str):
        return {}
    catalog = registry.datasets if section == "data" else registry.optimizers
    if name not in catalog.names():
        return {}
    return dict(catalog.get(name).defaults)
