"""Inputs made of the features: the numbers, where the step stands, every command, and what cannot be read."""

import json
from dataclasses import replace

import numpy as np
import pytest

import neurosim
from neurosim.cli.application import execute
from neurosim.data import prepare
from neurosim.data.making import MadeInputs, made_of
from neurosim.errors import DataError, UsageError
from neurosim.plugin.columns import Column

ROWS = np.random.default_rng(3).normal(size=(40, 2)).astype(np.float32)
TABLE = neurosim.Table(ROWS, np.arange(40) % 2, ("0", "1"), ("x1", "x2"))
SEVEN = ("x1", "x2", "x1^2", "x2^2", "x1*x2", "sin(x1)", "sin(x2)")
MORE = (
    "1 - 2*x1/4 - -x2",
    "(x1 + x2)**3",
    "exp(x1) + cos(x2)",
    "log(1 + x1^2)",
    "sqrt(abs(x2))",
    "tanh(.5*x1)",
    "2e0^2*x1",
)
SETTINGS = {
    "data.inputs": ["x1", "x2", "x1^2", "x2^2", "sin(x1)"], "data.standardize": True, "training.epochs": 3,
    "expect": {}, "plots.pictures": ["decision_boundary"],
}  # fmt: skip


def in_numpy(rows):
    """The inputs of SEVEN and MORE, written out."""
    x1, x2 = rows.astype(np.float64).T
    seven = [x1, x2, x1 * x1, x2 * x2, x1 * x2, np.sin(x1), np.sin(x2)]
    more = [
        1 - x1 / 2 + x2, (x1 + x2) ** 3, np.exp(x1) + np.cos(x2), np.log(1 + x1**2), np.sqrt(np.abs(x2)),
        np.tanh(0.5 * x1), 4 * x1,
    ]  # fmt: skip
    return np.stack([*seven, *more], axis=1)


def test_inputs_are_what_numpy_makes():
    data = prepare(TABLE, seed=0, test_fraction=0.25, inputs=SEVEN + MORE)
    for split in (data.train, data.test):
        np.testing.assert_allclose(split.features, in_numpy(ROWS[split.rows]).astype(np.float32), rtol=2e-7)
        np.testing.assert_array_equal(data.raw(split), ROWS[split.rows])
        assert split.features.dtype == np.float32
    # Products are rounded as everywhere, so these are the same bits.
    exact = in_numpy(ROWS[data.train.rows])[:, :5].astype(np.float32)
    np.testing.assert_array_equal(data.train.features[:, :5], exact)
    assert data.sha256 == prepare(TABLE, seed=0, test_fraction=0.25).sha256


def test_what_is_made_is_scaled_and_not_made_of_what_is_scaled():
    data = prepare(TABLE, seed=0, test_fraction=0.25, standardize=True, inputs=("x1^2", "x1"))
    made = ROWS[:, :1].astype(np.float64) ** [2, 1]
    train = made[data.train.rows]
    expected = (made - train.mean(axis=0)) / train.std(axis=0)
    np.testing.assert_allclose(data.test.features, expected[data.test.rows], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(data.to_input(ROWS), expected, rtol=1e-9, atol=1e-9)
    fixed = prepare(TABLE, seed=0, normalize=(1.0, 2.0), inputs=("x1^2",))
    np.testing.assert_allclose(fixed.train.features, (made[:, :1] - 1) / 2, rtol=1e-6)


def test_categories_and_missing_values_come_first():
    nan = float("nan")
    rows = np.array([[1, 0, 2.0], [0, 1, nan], [1, 0, 6.0], [0, 1, 4.0]], np.float32)
    columns = (Column("town", ("Ashby", "Brill")), Column("living area", fills=True))
    names = ("town=Ashby", "town=Brill", "living area")
    table = neurosim.Table(rows, np.zeros((4, 1)), feature_names=names, columns=columns)
    inputs = ("town=Ashby", "`town=Ashby` * `living area`", "living area")
    data = prepare(table, seed=0, standardize=True, inputs=inputs)
    made = np.array([[1, 2, 2], [0, 0, 4], [1, 6, 6], [0, 0, 4.0]])[data.train.rows]
    made[:, 1:] = (made[:, 1:] - made[:, 1:].mean(axis=0)) / made[:, 1:].std(axis=0)
    np.testing.assert_allclose(data.train.features, made, atol=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "run"
    neurosim.run("moons", out=path, overrides=SETTINGS)
    return path


def test_a_model_answers_raw_rows_by_name_and_place(folder, tmp_path):
    model = neurosim.load_model(folder)
    result = neurosim.run("moons", overrides=SETTINGS)
    simulator = result.simulator
    expected = simulator.forward(simulator.data.train.features)
    raw = simulator.data.raw(simulator.data.train)
    np.testing.assert_array_equal(model.outputs(raw), expected)
    np.testing.assert_array_equal(result.predict(raw), model.predict(raw))
    assert model.features == ("x1", "x2")
    file = tmp_path / "rows.csv"
    file.write_text("x2,other,x1\n" + "\n".join(f"{b!r},7,{a!r}" for a, b in raw.tolist()), encoding="utf-8")
    np.testing.assert_array_equal(model.outputs(model.read(file)), expected)
    with pytest.raises(neurosim.errors.ShapeError, match=r"needs \(rows, 2\)"):
        model.outputs(np.zeros((3, 5)))


@pytest.mark.ci
@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_backends_train_on_the_same_rows(folder, backend):
    simulator = neurosim.run("moons", backend=backend, overrides=SETTINGS).simulator
    loss = neurosim.run("moons", overrides=SETTINGS).simulator.history.train_loss[-1]
    assert simulator.history.train_loss[-1] == pytest.approx(loss, rel=1e-5)


COMMANDS = """
info moons --set {inputs}
verify {run}
explain {run}
report {run}
plot {run} --only decision_boundary --only unit_maps --only hidden_space
compare {run} {run} --out {out}
replay {run} --from epoch:1 --set optimizer.lr=0.5
export {run} --to numpy --out {out}.py
doctor {run}
"""


@pytest.mark.ci
@pytest.mark.parametrize("words", COMMANDS.strip().splitlines())
def test_commands(folder, tmp_path, words, capsys):
    inputs = "data.inputs=" + json.dumps(SETTINGS["data.inputs"]).replace(" ", "")
    line = [word.format(run=folder, out=tmp_path / "out", inputs=inputs) for word in words.split()]
    assert execute(line) == 0, capsys.readouterr()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x1*x3", 'unknown feature "x3" known: x1, x2'),
        ("sine(x1)", 'unknown function "sine" did you mean "sin"?'),
        ("x1^0.5", "the power after ^ is a whole number from 2 to 9"),
        ("2*3", "it is the same for all rows"),
        ("(x1", '"(" is not closed'),
        ("x1 x2", 'there should be an operator before "x2"'),
        ("x1 +", "it ends where a number or a feature should follow"),
        ("sin", 'unknown feature "sin" A function has its argument in parentheses, as in sin(x1).'),
        ("__import__('os')", '"\'" cannot be read'),
        ("(" * 60 + "x1", "it is nested too deeply"),
        ("-" * 150 + "x1", "it is nested too deeply"),
        ("x1" + "+x1" * 100, "has 302 characters; at most 200"),
        ("1e999*x1", "1e999 is too large"),
        ("", "it ends where a number or a feature should follow"),
    ],
)
def test_what_is_no_expression_is_refused(text, said):
    with pytest.raises(UsageError) as caught:
        prepare(TABLE, seed=0, inputs=(text,))
    assert said in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.message.startswith("inputs: ")


def test_what_cannot_be_made_is_refused():
    with pytest.raises(DataError, match=r'inputs: "log\(x1\)" is not a finite number for x1 = -'):
        prepare(TABLE, seed=0, inputs=("log(x1)",))
    with pytest.raises(UsageError, match='"x1" is given twice'):
        prepare(TABLE, seed=0, inputs=("x1", "x1"))
    images = replace(TABLE, image_shape=(1, 2))
    with pytest.raises(UsageError, match="the rows of this data set are images"):
        prepare(images, seed=0, inputs=("x1",))
    for words in ({"inputs": [1], "of": 2}, {"inputs": ["x1"], "of": 0}, {"inputs": ["x1"], "of": True}):
        with pytest.raises(ValueError, match="made"):
            made_of(words, ())
    assert MadeInputs(("x3^2",), (), 3).of(ROWS[:0].reshape(0, 3)).shape == (0, 1)


def test_a_scenario_says_where_it_is_wrong(capsys):
    assert execute(["info", "moons", "--set", 'data.inputs=["x1","cosh(x2)"]']) == 2
    said = capsys.readouterr().err
    for part in ("data.inputs", 'inputs: "cosh(x2)": unknown function "cosh"', 'did you mean "cos"?'):
        assert part in said
