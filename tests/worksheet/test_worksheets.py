"""Worksheets: what is on them, that every line comes out, and that they can be printed and left blank."""

import functools
import math
import re
from pathlib import Path

import numpy as np
import pytest

from neurosim import Simulator, build_registry, load_scenario
from neurosim.errors import DataError, UsageError
from neurosim.scenario.shipped_scenarios import shipped
from neurosim.worksheet import explain
from neurosim.worksheet.blocks import Line, Number, Table
from neurosim.worksheet.layout import GAP

# A whole batch of large maps, or wide layers, take the plain NumPy of the reference long.
LARGE = {"mnist-cnn-quick", "mnist-resnet", "mnist-mlp-best", "mnist-mlp-elastic"}
NAMES = [pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in shipped()]
SMALL = ["xor", "and", "iris", "sine", "digits-cnn", "depth"]


def one(scenario):
    """The scenario, or the first of its variants."""
    return next(iter(scenario.variants.values()), scenario)


@functools.cache
def sheet_of(name, sample=None, steps=0):
    try:
        simulator = Simulator(one(load_scenario(name)))
    except DataError as error:
        pytest.skip(str(error))
    return explain(simulator, sample, steps)


def worked_out(line):
    """A line's formula with its numbers, worked out with all their digits."""
    text = "".join(piece if isinstance(piece, str) else f"({piece.value!r})" for piece in line.filled)
    text = re.sub(r"ln (\([^()]*\))", r"ln(\1)", text)
    for symbol, meaning in (("·", "*"), ("^", "**"), ("π", "pi"), ("erf", "math.erf")):
        text = text.replace(symbol, meaning)
    known = {name: getattr(np, name) for name in ("exp", "sqrt", "tanh", "log1p", "expm1", "sign", "pi", "maximum")}
    known |= {"ln": np.log, "math": math, "max": max, "min": min, "abs": abs}
    with np.errstate(all="ignore"):
        return float(eval(text, {"__builtins__": {}}, known))


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_scenario(name):
    """All phases are there, the check agrees, and the terminal's 80 columns are enough."""
    sheet = sheet_of(name)
    assert [section.title[:1] for section in sheet.sections][:6] == ["G", "1", "2", "3", "4", "5"]
    check = sheet.sections[5]
    assert not any("do not agree" in getattr(block, "text", "") for block in check.blocks)
    assert {line.name[0] for line in sheet.lines()} >= {"a", "L", "∂"} or "loss of the sample" in sheet.values
    text = sheet.printed()
    assert max(map(len, text.splitlines())) <= 80
    assert "nan" not in text.lower().split()


@pytest.mark.parametrize("name", SMALL)
def test_every_formula_with_its_numbers_gives_the_value(name):
    lines = [line for line in sheet_of(name).lines() if line.filled and line.value is not None]
    assert len(lines) > 5
    for line in lines:
        assert worked_out(line) == pytest.approx(line.value, rel=1e-9, abs=1e-12), line


# Where inputs are 0 and 1, a weighted sum may be one of the weights.
@pytest.mark.parametrize("name", ["iris", "sine", "digits-cnn", "depth"])
def test_a_blank_sheet_has_gaps_and_the_answers_their_numbers(name):
    sheet = sheet_of(name)
    blank, answers = sheet.printed(blank=True), sheet.printed()
    assert GAP in blank
    assert GAP not in answers
    assert "5. Check" not in blank
    # What is asked for is on the blank sheet in no other place.
    computed = {line.name: line.value for line in sheet.lines() if not line.told and line.value not in (0, 1, -1, None)}
    given = [
        piece
        for section in sheet.asked(blank=True)
        for part in section.walk()
        for block in part.blocks
        for piece in _numbers(block)
        if not piece.computed
    ]
    for line, value in computed.items():
        if line.startswith(("z", "a", "∂L/∂z", "∂L/∂w", "new")):
            assert value not in {piece.value for piece in given}, line


def _numbers(block):
    cells = block.filled if isinstance(block, Line) else ()
    if isinstance(block, Table):
        cells = [cell for row in block.rows for cell in row]
    return [cell for cell in cells if isinstance(cell, Number)]


def test_lines_keep_their_numbers_on_the_blank_sheet():
    sheet = sheet_of("iris")

    def numbered(text):
        return re.findall(r"^ *\((\d+)\) (.+?) =", text, flags=re.MULTILINE)

    blank, answers = numbered(sheet.printed(blank=True)), numbered(sheet.printed())
    assert blank == answers
    assert [int(number) for number, _ in answers] == list(range(1, len(answers) + 1))


def test_other_seeds_give_other_homework():
    sheets = [explain(Simulator(load_scenario("xor"), seed=seed)) for seed in (1, 2)]
    assert sheets[0].values["z1[1]"] != sheets[1].values["z1[1]"]
    assert [sheet.name for sheet in sheets] == ["xor-seed-1", "xor-seed-2"]


def test_steps_train_the_scenario_first():
    simulator = Simulator(load_scenario("moons", overrides={"training.epochs": 3}))
    steps = simulator.steps_per_epoch
    sheet = explain(Simulator(simulator.scenario), 4, steps)
    simulator.train_epoch()
    table = next(block for block in sheet.sections[0].blocks if isinstance(block, Table) and "before" in block.caption)
    old = {row[place]: row[place + 1] for row in table.rows for place in (0, 2, 4)}
    # The engine's own float32, after as many steps.
    name = next(name for name in old if name.startswith("b1["))
    assert old[name].value == simulator.parameters["layers.0.bias"][int(name[3:-1]) - 1]
    assert f"trained for {steps} steps" in sheet.printed()
    assert explain(Simulator(simulator.scenario), 4, steps - 1).values["L"] != sheet.values["L"]


def test_rows_and_steps_that_are_not_there():
    scenario = load_scenario("xor")
    with pytest.raises(UsageError, match="no training row 4") as caught:
        explain(Simulator(scenario), 4)
    assert "0 to 3" in caught.value.hint
    with pytest.raises(UsageError, match="no step 401: training has 400 steps"):
        explain(Simulator(scenario), 0, 401)


WRONG = """
from neurosim import Activation, hookimpl

def half(z):
    return 0.5 * z * z

def half_derivative(z, a):
    return 0.5 * z

@hookimpl
def neurosim_activations():
    return [Activation("half", half, half_derivative, surrogate=True)]
"""


def test_a_derivative_that_is_another_function_is_found(tmp_path):
    file = tmp_path / "half.py"
    file.write_text(WRONG)
    registry = build_registry([file])
    scenario = load_scenario("xor", overrides={"network.layers.0.activation": "half"}, registry=registry)
    text = explain(Simulator(scenario)).printed()
    assert "They do not agree for" in text
    words = "They need not: half is trained with another function than its derivative, on purpose."
    assert words in " ".join(text.split())
    assert "a1[1] = half(z1[1]) = 0.5·z1[1]·z1[1]" in text, "the author's own formula"


def test_gated_units_and_maxout():
    """By the gate's own formula, and both agree with finite differences."""
    layers = [
        {"kind": "dense", "units": 6},
        {"kind": "gated", "gate": "swiglu"},
        {"kind": "dense", "units": 4, "activation": "tanh"},
        {"kind": "maxout"},
        {"kind": "dense", "units": 1, "activation": "sigmoid"},
    ]
    sheet = explain(Simulator(load_scenario("moons", overrides={"network.layers": layers})))
    text = sheet.printed()
    assert "do not agree" not in text
    assert "a2[1] = swiglu(a1[1], a1[4]) = a1[1]·a1[4]·sigmoid(beta·a1[4])" in " ".join(text.split())
    assert "a4[2] = max(a3[2], a3[4])" in text
    assert "∂L/∂a1[4] = ∂L/∂a2[1]·∂a2[1]/∂a1[4]" in text
    assert GAP in sheet.printed(blank=True)


def test_windows_with_dilation_groups_and_padding_that_counts():
    """The cells are those that the layers see, means are through all that count, and the slopes are confirmed."""
    layers = [
        {"kind": "conv2d", "channels": 4, "padding": [0, 2, 1, 3], "dilation": 2, "activation": "tanh"},
        {"kind": "conv2d", "channels": 8, "groups": 4, "padding": 1, "activation": "tanh"},
        {"kind": "max_pool2d", "size": 2, "dilation": 2, "stride": 1, "padding": [1, 0]},
        {"kind": "avg_pool2d", "size": 7, "stride": 1, "padding": 1, "count_padding": True},
        {"kind": "flatten"},
        {"kind": "dense", "units": 10, "activation": "softmax"},
    ]
    sheet = explain(Simulator(load_scenario("digits", overrides={"network.layers": layers})), 1)
    text = " ".join(sheet.printed().split())
    assert "do not agree" not in text
    assert "3 x 3 cells of 1 input channel of its group" in text
    lines = [line for line in sheet.lines() if line.filled and line.value is not None]
    assert {"a3", "a4", "z2"} <= {line.name[:2] for line in lines}
    for line in lines:
        assert worked_out(line) == pytest.approx(line.value, rel=1e-9, abs=1e-12), line


def test_a_kink_is_told_from_a_mistake():
    text = sheet_of("and", sample=0).printed()
    assert "For b1[1] the loss has a kink right here" in text
    assert "do not agree" not in text


def test_a_perceptron_has_its_rule_and_its_line():
    sheet = sheet_of("and", sample=1)
    text = sheet.printed()
    assert "Rosenblatt's perceptron rule" in text
    assert "w1[1,1] + lr·(y - a1[1])·x[1]" in text
    section = next(section for section in sheet.sections if section.title == "The line that was found")
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert [row[1] == row[3] for row in table.rows] == [True] * 4


def test_for_xor_the_inequalities_contradict_each_other():
    text = sheet_of("xor-perceptron").printed()
    for inequality in ("b < 0", "w2 + b >= 0", "w1 + b >= 0", "w1 + w2 + b < 0"):
        assert inequality in text
    assert "Add up (1) and (4):   w1 + w2 + 2·b < 0" in text
    assert "Add up (2) and (3):   w1 + w2 + 2·b >= 0" in text


def test_pages_show_texts_as_they_are():
    scenario = load_scenario("iris", overrides={"scenario.title": "<script>alert(1)</script> *x* | y"})
    sheet = explain(Simulator(scenario))
    page = sheet.printed("html")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(src|href)=|url\(|@import", page)
    assert sheet.printed("markdown").startswith("# \\<script\\>alert(1)\\</script\\> \\*x\\* \\| y\n")


def test_markdown_tables_have_their_columns():
    text = sheet_of("digits-cnn").printed("markdown")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    rules = [place for place, line in enumerate(rows) if "---" in line]
    assert len(rules) > 5
    for place in rules:
        assert rows[place].count("|") == rows[place - 1].replace("\\|", "").count("|")
    assert text.count("```") % 2 == 0


def test_the_readme_shows_a_piece_of_a_real_sheet():
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (piece,) = re.findall(r"```text\n(.*?)```", text, flags=re.DOTALL)
    printed = sheet_of("xor").printed()
    for part in piece.split("...\n"):
        assert part in printed


def test_only_the_reductions_that_a_step_uses_are_on_the_sheet():
    """LAMB scales the steps of weights by the length of their array, and takes the plain step for biases."""
    changes = {"optimizer.name": "lamb"}
    update = explain(Simulator(load_scenario("moons", overrides=changes))).sections[4]
    of_bias = {section.title: section for section in update.sections if "worked out for b" in section.title}
    of_weight = {section.title: section for section in update.sections if "worked out for w" in section.title}
    assert of_bias
    assert of_weight
    for sections, norms in ((of_bias, 0), (of_weight, 2)):
        for section in sections.values():
            assert sum(block.name in ("w_norm", "u_norm") for block in section.blocks) == norms


def test_class_weights_are_named():
    """The loss on the sheet is that of the row, times the weight of its class."""
    sheet = explain(Simulator(load_scenario("iris", overrides={"network.class_weights": [1.0, 2.5, 1.0]})))
    assert "is multiplied by the weight of its class: class_weights = [1, 2.5, 1]." in " ".join(sheet.printed().split())
