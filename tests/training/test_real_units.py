"""Regression in the units of the data: prices of houses, from 50,000 to 500,000, learnt with the defaults."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import neurosim

SCENARIO = """
[scenario]
name = "houses"
title = "What a house costs"
[data]
source = "csv"
file = "houses.csv"
target = "price"
standardize = true
test_fraction = 0.2
validation_fraction = 0.1
[network]
loss = "mse"
layers = [
  { kind = "dense", units = 8, activation = "tanh" },
  { kind = "dense", units = 1, activation = "identity" },
]
[optimizer]
name = "adam"
lr = 0.02
[training]
epochs = 30
"""


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """A run of house prices, and the table they are from."""
    folder = tmp_path_factory.mktemp("houses")
    random = np.random.default_rng(5)
    area, rooms = random.uniform(40, 250, 200), random.integers(1, 9, 200)
    year = random.integers(1900, 2024, 200)
    price = np.clip(1500 * area + 8000 * rooms + 600 * (year - 1900) + random.normal(0, 9000, 200), 5e4, 5e5).round()
    rows = np.column_stack([area.round(1), rooms, year, price])
    lines = [",".join(f"{value:g}" if value < 1e5 else f"{value:.0f}" for value in row) for row in rows]
    (folder / "houses.csv").write_text("area,rooms,year,price\n" + "\n".join(lines) + "\n")
    (folder / "houses.toml").write_text(SCENARIO)
    result = neurosim.run(folder / "houses.toml", backend="reference", out=folder / "run")
    return SimpleNamespace(folder=folder, result=result, table=rows, run=folder / "run")


def test_it_learns_with_the_defaults(houses):
    losses = houses.result.history.train_loss
    assert losses[0] < 3
    assert losses[-1] < 0.1


def test_the_model_alone_answers_in_the_units_of_the_target(houses):
    model = neurosim.load_model(houses.run, backend="reference")
    inputs, prices = houses.table[:, :3], houses.table[:, 3:]
    answers = model.predict(inputs)
    assert model.targets == ("price",)
    assert 1 - np.sum((answers - prices) ** 2) / np.sum((prices - prices.mean()) ** 2) > 0.8
    np.testing.assert_array_equal(answers, model.outputs(inputs))
    data = houses.result.simulator.data
    np.testing.assert_allclose(
        answers, data.to_target_units(houses.result.simulator.forward(data.to_input(inputs))), rtol=1e-5
    )


def test_the_command_answers_in_the_units_of_the_target(houses, capsys):
    from neurosim.cli.application import execute

    words = ["predict", str(houses.run), "--data", str(houses.folder / "houses.csv"), "--backend", "reference"]
    assert execute(words) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == ["row", "price"]
    shown = float(first.split()[1].replace(",", ""))
    assert "e+" not in first
    assert execute([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["predictions"][0]["outputs"]
    assert shown == pytest.approx(found[0], rel=1e-5)
    assert found[0] == pytest.approx(houses.table[0, 3], abs=60000)
