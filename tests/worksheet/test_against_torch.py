"""Every number of a worksheet against PyTorch's autograd on the same network: values stored in the repository."""

import functools
import json
import re

import numpy as np
import pytest
from oracles import make_torch_worksheet_values as torch_values

from neurosim.worksheet import explain

# A name on the sheet: slope or not, letter, number of the layer, index; parameters may be the new ones.
NAME = re.compile(r"^(new )?(∂L/∂)?([azwb])(\d+)\[([\d,]+)\]$")
WORDS = {"w": "weight", "b": "bias"}


@functools.cache
def stored():
    return json.loads(torch_values.FILE.read_text())


@functools.cache
def sheet_and_network(name):
    case = torch_values.CASES[name]
    simulator = case.simulator()
    return explain(simulator, case.sample), simulator.network


def wanted(name, line, network):
    """PyTorch's number for a line of the sheet; None where it is of something that PyTorch does not name."""
    found = NAME.match(line)
    if found is None:
        return None
    new, slope, letter, number, index = found.groups()
    place = tuple(int(part) - 1 for part in index.split(","))
    values = stored()[name]
    if letter in WORDS:
        key = f"layers.{int(number) - 1}.{WORDS[letter]}"
        shape = next(entry.shape for entry in network.parameters if entry.name == key)
        numbers = values["gradients" if slope else "new"][key]
        assert bool(slope) != bool(new)
    else:
        key = f"{letter}{number}"
        shape = values["shapes"][key]
        numbers = values["slopes" if slope else "seen"][key]
    return np.reshape(numbers, shape)[place]


@pytest.mark.parametrize("name", torch_values.CASES)
def test_every_number_is_autograds(name):
    sheet, network = sheet_and_network(name)
    compared = {}
    for line, value in sheet.values.items():
        right = wanted(name, line, network)
        if right is not None:
            compared[line] = abs(value - right) / max(1.0, abs(right))
    assert max(compared.values()) < 1e-6, {line: error for line, error in compared.items() if error >= 1e-6}
    letters = {re.sub(r"[\d,\[\]]", "", line) for line in compared}
    assert letters >= {"z", "a", "∂L/∂z", "∂L/∂a", "∂L/∂w", "∂L/∂b", "new w"}


@pytest.mark.parametrize("name", torch_values.CASES)
def test_the_loss(name):
    sheet, _ = sheet_and_network(name)
    total = sheet.values.get("L + penalty", sheet.values["L"])
    assert total == pytest.approx(stored()[name]["loss"], abs=1e-6)


@pytest.mark.parametrize("name", torch_values.CASES)
def test_old_and_new_in_the_tables(name):
    """The table of the update has gradient, old and new of every parameter shown."""
    sheet, network = sheet_and_network(name)
    update = next(section for section in sheet.sections if section.title.startswith("4."))
    table = next(
        block
        for section in update.walk()
        for block in section.blocks
        if getattr(block, "header", ())[:2] == ("parameter", "gradient")
    )
    assert len(table.rows) > 3
    for parameter, gradient, old, new in table.rows:
        assert gradient.value == pytest.approx(wanted(name, f"∂L/∂{parameter}", network), abs=1e-6)
        assert new.value == pytest.approx(wanted(name, f"new {parameter}", network), abs=1e-6)
        assert (old.value != new.value) == (gradient.value != 0.0)


def test_the_stored_values_are_pytorchs():
    pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
    for name in torch_values.CASES:
        fresh, kept = torch_values.compute(name), stored()[name]
        for group in ("gradients", "new", "seen", "slopes"):
            for key, numbers in kept[group].items():
                np.testing.assert_allclose(fresh[group][key], numbers, rtol=1e-9, atol=1e-12)
