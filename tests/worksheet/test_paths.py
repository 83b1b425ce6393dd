"""The sample that is picked, and the short sheet of one path: its numbers are those of the full sheet."""

import functools

import numpy as np
import pytest

from neurosim import Simulator, load_scenario
from neurosim.errors import UsageError
from neurosim.worksheet import explain
from neurosim.worksheet.blocks import Line, Text
from neurosim.worksheet.layout import GAP

NAMES = ["xor", "and", "iris", "sine", "moons"]


def simulator_of(name, variant=None, **overrides):
    scenario = load_scenario(name, overrides=overrides)
    return Simulator(scenario.variants[variant] if variant else scenario)


@functools.cache
def full(name):
    return explain(simulator_of(name))


@functools.cache
def path(name):
    return explain(simulator_of(name), path=True)


def given(sheet):
    return " ".join(block.text for block in sheet.sections[0].blocks if isinstance(block, Text))


@pytest.mark.parametrize("name", NAMES)
def test_the_picked_sample_has_a_clear_error_and_lively_gradients(name):
    sheet = full(name)
    gradients = [line.value for line in sheet.lines() if line.name.startswith("∂L/∂w") and line.value is not None]
    assert np.count_nonzero(gradients) >= 0.5 * len(gradients)
    assert "Picked from" in given(sheet)
    assert "it has the largest error; any other can be asked for." in given(sheet)


@pytest.mark.parametrize("name", ["iris", "moons", "sine"])
def test_of_rows_that_move_the_weights_it_is_the_one_with_the_largest_loss(name):
    simulator = Simulator(load_scenario(name), backend="reference")
    rows = simulator.split_rows("train")
    targets = simulator.data.train.targets
    found = [simulator.gradients(rows.features[k : k + 1], targets[k : k + 1]) for k in range(32)]
    moving = [sum(np.count_nonzero(g) for n, g in gradients.items() if "weight" in n) for _, gradients in found]
    candidates = [loss for (loss, _), count in zip(found, moving, strict=True) if count >= 0.9 * max(moving)]
    assert full(name).values["L"] == pytest.approx(max(candidates), rel=1e-5)


def test_xor_is_explained_without_a_gradient_of_zero():
    values = full("xor").values
    gradients = {name: value for name, value in values.items() if name.startswith("∂L/∂")}
    assert len(gradients) > 25
    assert all(gradients.values())
    assert "training row 3" in given(full("xor"))


def test_a_sample_that_was_asked_for_has_no_reason():
    assert "Picked" not in given(explain(simulator_of("xor"), 1))


def test_where_all_gradients_are_zero_the_sheet_says_so():
    sheet = explain(simulator_of("initialization", "zeros"))
    assert "The gradients of the weights are 0 at" in given(sheet)


def test_the_optimizer_is_worked_out_for_a_weight_that_moves():
    update = full("xor").sections[4]
    first = next(block for block in update.sections[0].blocks if isinstance(block, Line))
    assert first.name == "m"
    assert first.value != 0


@pytest.mark.parametrize("name", ["xor", "iris", "sine"])
def test_the_chain_rule_is_told_once_where_it_is_first_used(name):
    for sheet in (full(name), path(name)):
        text = " ".join(sheet.printed().split())
        assert text.count("The chain rule:") == 1
        assert text.count('∂L/∂w (say "dee L by dee w") is a slope') == 1
        assert text.index("is a slope") < text.index("The chain rule:")
        before, after = text.split("The chain rule:")
        assert "·∂" not in before, "the rule is not used before it is told"
        assert "so the two slopes multiply" in after


def test_a_squared_error_has_the_rule_at_the_activation():
    text = explain(simulator_of("loss-functions", "squared-error-1")).printed()
    assert "The chain rule: z1[1] moves a1[1], and a1[1] moves L" in " ".join(text.split())


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_of_a_path_are_those_of_the_full_sheet(name):
    step = explain(simulator_of(name), path=True).values
    whole = full(name).values
    shared = step.keys() & whole.keys()
    assert {name: step[name] for name in shared} == {name: whole[name] for name in shared}
    # Of wide layers the full sheet shows a few units, which need not be those of the path.
    if name in ("xor", "and"):
        assert {line for line in step if not line.startswith("new ")} <= whole.keys()


def test_a_path_through_a_wide_layer_has_the_gradients_of_the_simulator():
    sheet = explain(simulator_of("moons"), 4, path=True, units=[3, 9])
    simulator = simulator_of("moons")
    rows = simulator.data.train
    loss, gradients = Simulator(simulator.scenario, backend="reference").gradients(
        rows.features[4:5], rows.targets[4:5]
    )
    assert sheet.values["L"] == pytest.approx(loss)
    assert sheet.values["∂L/∂w2[3,9]"] == pytest.approx(gradients["layers.1.weight"][2, 8])
    assert sheet.values["∂L/∂w3[9,1]"] == pytest.approx(gradients["layers.2.weight"][8, 0])
    assert "You chose the units" in given(sheet)


def test_a_path_is_short_and_goes_through_the_unit_with_the_largest_gradient():
    sheet = path("xor")
    assert len(list(sheet.lines())) <= 20
    slopes = [abs(full("xor").values[f"∂L/∂z1[{unit}]"]) for unit in range(1, 7)]
    unit = int(np.argmax(slopes)) + 1
    assert f"z1[{unit}] -> a1[{unit}] -> z2[1] -> a2[1] -> L" in given(sheet)
    text = sheet.printed()
    assert max(map(len, text.splitlines())) <= 80
    assert sheet.printed(blank=True).count(GAP) > 15


def test_a_path_through_a_deep_network_leaves_out_its_middle():
    sheet = explain(simulator_of("depth", "plain-20"), path=True)
    text = sheet.printed()
    assert "Layers 4 to 17 work in the same way and are left out here." in text
    assert " -> ... -> " in given(sheet)


@pytest.mark.parametrize(
    ("name", "units", "message"),
    [
        ("digits-cnn", (), "no single path leads through digits-cnn: it has layers of kind conv2d, max_pool2d"),
        ("xor", (7,), "hidden layer 1 of xor has no unit 7"),
        ("xor", (1, 1), "xor has 1 hidden layer, but 2 units were chosen"),
    ],
)
def test_where_no_path_leads(name, units, message):
    with pytest.raises(UsageError, match=message):
        explain(simulator_of(name), path=True, units=units)
