"""From a scenario with variants to the scenario that each of them is."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from neurosim.errors import UsageError
from neurosim.plugin.host import Registry
from neurosim.plugin.record import NAMING
from neurosim.scenario.faults import Fault, show, show_path
from neurosim.scenario.locate import KeyPath, nearest, overlap
from neurosim.scenario.overrides import key_path, put
from neurosim.scenario.renaming import make_room
from neurosim.scenario.study import CHANGEABLE, MAX_VARIANTS, Variant
from neurosim.suggestions import unknown

# Parts of a study that a single network has no use for.
_ABOUT_ALL = ("variants", "claims", "play", "sweep")


@dataclass(frozen=True)
class Expanded:
    """The tree of one variant.

    Attributes
    ----------
    index : int
        Its place among the variants.
    tree : dict
        The whole scenario as the variant has it, without variants and claims.
    sources : dict
        For each key path that the variant sets, where it says so.
    faults : list of Fault
        Keys that fit nowhere.
    notes : list of str
        What its names have taken with them, a line each.
    """

    index: int
    tree: dict[str, Any]
    sources: dict[KeyPath, KeyPath]
    faults: list[Fault]
    notes: list[str]

    def relocated(self, fault: Fault, known: set[Fault]) -> Fault | None:
        """A fault of the tree at the place in the file that is to blame; None for one of the file itself."""
        found = nearest(self.sources, fault.path)
        if found is not None:
            length, source = found
            return Fault((*source, *fault.path[length:]), fault.text, fault.unknown_name)
        if fault in known:
            return None
        return Fault(("variants", self.index), f"{show_path(fault.path)}: {fault.text}", fault.unknown_name)


def expand(tree: Mapping[str, Any], registry: Registry) -> Iterator[Expanded]:
    """Each variant of a scenario, as far as it has the shape of one; no more than there may be."""
    variants = tree.get("variants")
    for index, variant in enumerate(variants[:MAX_VARIANTS] if isinstance(variants, list) else []):
        if isinstance(variant, Mapping):
            yield _expand(tree, index, variant, registry)


def _expand(tree: Mapping[str, Any], index: int, variant: Mapping[str, Any], registry: Registry) -> Expanded:
    own = copy.deepcopy({key: value for key, value in tree.items() if key not in _ABOUT_ALL})
    sources: dict[KeyPath, KeyPath] = {}
    faults, notes = [], []
    paths = _quoted(variant)
    for key, value in variant.items():
        if key in Variant.model_fields:
            continue
        place: KeyPath = ("variants", index, key)
        try:
            path = key_path(key)
        except UsageError as error:
            faults.append(Fault(place, f"{error.message}; {error.hint}"))
            continue
        if path[0] not in CHANGEABLE:
            hint = unknown("key", str(path[0]), [*Variant.model_fields, *CHANGEABLE])[1]
            faults.append(Fault(place, f"unknown key; {hint}" if hint else "unknown key"))
        elif len(path) > 1:
            notes.append(make_room(own, path, value, paths, registry))
            problem = put(own, path, copy.deepcopy(value))
            if problem:
                faults.append(Fault(place, problem))
            sources[path] = place
        elif not isinstance(value, Mapping):
            faults.append(Fault(place, f"expected a table, not {show(value)}"))
        else:
            section = own.get(key)
            own[key] = section if isinstance(section, dict) else {}
            notes.append(_merge(own[key], value, path, place, sources))
    said = [f"variant {variant.get('name')}: {note}" for note in notes if note]
    return Expanded(index, own, sources, faults, said)


def _quoted(variant: Mapping[str, Any]) -> set[KeyPath]:
    """The key paths that a variant sets, as far as these are valid."""
    found = set()
    for key in variant:
        with contextlib.suppress(UsageError):
            found.add(key_path(key))
    return found


def _merge(
    section: dict[str, Any], values: Mapping[str, Any], path: KeyPath, place: KeyPath, sources: dict[KeyPath, KeyPath]
) -> str:
    """Put the keys of a table into a section; one that names a record starts anew, of which a line is returned."""
    note = ""
    # The parameters of another record differ: nothing of the old one stays.
    naming = next((key for key in NAMING if key in values), None)
    if naming is not None:
        gone = [key for key in section if key not in values]
        if gone:
            begins = f"{path[0]}.{naming}={values[naming]} begins [{path[0]}] anew"
            note = f"{begins}: {', '.join(gone)} {'is' if len(gone) == 1 else 'are'} left out"
        section.clear()
        sources[path] = place
    for key, value in values.items():
        section[key] = copy.deepcopy(value)
        sources[*path, key] = (*place, key)
    return note


def override_variants(
    tree: dict[str, Any], values: Mapping[KeyPath, Any], registry: Registry
) -> dict[KeyPath, KeyPath]:
    """Make overrides of the whole scenario win over what variants say; changes `tree`.

    Returns for each override that was written into a variant its place there, and the override's own path.
    """
    written: dict[KeyPath, KeyPath] = {}
    for expanded in list(expand(tree, registry)):
        for path, value in values.items():
            if any(overlap(path, source) for source in expanded.sources):
                key = ".".join(str(part) for part in path)
                variant = tree["variants"][expanded.index]
                # At the end: later keys win.
                variant.pop(key, None)
                variant[key] = value
                written["variants", expanded.index, key] = path
    return written
