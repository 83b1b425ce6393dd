"""A loss that takes several outputs for each target: what counts as an answer, everywhere."""

import numpy as np
import pytest

from neurosim import Loss, Simulator, load_model, load_scenario, run
from neurosim.errors import PluginError, ScenarioError, ShapeError
from neurosim.interactive import explain, plot

NLL = {"network.loss": "gaussian_nll", "network.layers.2.units": 2, "expect": {}, "training.epochs": 40}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    changes = {**NLL, "training.metrics": ["mae"], "data.standardize_targets": True}
    return run(load_scenario("sine", overrides=changes), out=tmp_path_factory.mktemp("nll") / "run")


def test_the_first_outputs_are_the_answers(result):
    simulator = result.simulator
    data = simulator.data
    outputs = simulator.forward(data.test.features)
    assert outputs.shape[1] == 2
    answers = data.to_target_units(outputs[:, :1])
    errors = answers - data.to_target_units(data.test.targets)
    assert result.metrics["test_rmse"] == pytest.approx(np.sqrt((errors**2).mean()))
    assert result.metrics["test_mae"] == pytest.approx(np.abs(errors).mean())
    # In the units of the data, as the file of the model gives them.
    model = load_model(result.folder)
    raw = data.to_raw(data.test.features)
    np.testing.assert_allclose(model.predict(raw), answers, rtol=1e-5, atol=1e-6)
    assert model.predict(np.zeros((0, 1))).shape == (0, 1)


def test_the_spread_of_the_noise_is_learned(result):
    simulator = result.simulator
    outputs = simulator.forward(simulator.data.train.features)
    errors = simulator.data.train.targets[:, 0] - outputs[:, 0]
    # The mean of the variances is about that of the squared errors.
    assert np.exp(outputs[:, 1]).mean() == pytest.approx((errors**2).mean(), rel=0.5)


def test_pictures_and_worksheets_show_the_answer(result):
    (axes, *_) = plot(result, "fitted_curve").axes
    assert axes.lines
    sheet = str(explain(load_scenario("sine", overrides=NLL)))
    assert "L = gaussian_nll(a3[1], a3[2], y)" in sheet


def test_gradients_take_as_many_targets_as_there_are_answers(backend):
    small = {**NLL, "network.layers.0.units": 3, "network.layers.1.units": 3}
    simulator = Simulator(load_scenario("sine", overrides=small), backend.name)
    x, y = np.linspace(-1.0, 1.0, 5)[:, None], np.linspace(0.0, 1.0, 5)
    _, gradients = simulator.gradients(x, y)
    weights = simulator.parameters
    moved = {name: array.astype(np.float64) for name, array in weights.items()}
    step = 1e-2
    losses = []
    for sign in (1.0, -1.0):
        moved["layers.2.bias"] = weights["layers.2.bias"].astype(np.float64) + sign * np.array([0.0, step])
        simulator.set_parameters(moved)
        losses.append(simulator.loss(x, y))
    slope = (losses[0] - losses[1]) / (2.0 * step)
    assert gradients["layers.2.bias"][1] == pytest.approx(slope, rel=2e-3)
    with pytest.raises(ShapeError, match=r"y has shape \(5, 2\), this network needs \(5, 1\)"):
        simulator.gradients(x, np.zeros((5, 2)))


def test_what_does_not_fit_is_said():
    with pytest.raises(ShapeError, match="1 value: it needs 2, as gaussian_nll takes 2 outputs for each target"):
        Simulator(load_scenario("sine", overrides={"network.loss": "gaussian_nll"}))
    with pytest.raises(ScenarioError, match="gaussian_nll is for targets that are values, but this data set has class"):
        Simulator(load_scenario("xor", overrides={"network.loss": "gaussian_nll"}))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"outputs_per_target": 0}, "outputs_per_target must be a whole number, 1 or larger, not 0"),
        ({"outputs_per_target": 2.0}, "outputs_per_target must be a whole number, 1 or larger, not 2.0"),
        ({"outputs_per_target": 2, "targets": "classes"}, "outputs_per_target is for losses on values"),
        ({"outputs_per_target": 2, "widths": (2, 3)}, "widths has 3, which is not divisible by 2"),
    ],
)
def test_losses_that_cannot_be(options, told):
    with pytest.raises(PluginError, match=told):
        Loss("mine", lambda a, y: 0.0, **options)


def written(tmp_path, body, gradient="", each=2):
    """A plugin of one loss, whose body begins in line 3."""
    lines = "\n".join(f"    {line}" for line in body)
    (tmp_path / "own.py").write_text(
        f"from neurosim import Loss, hookimpl\ndef own(a, y):\n{lines}\n{gradient}"
        f"@hookimpl\ndef neurosim_losses():\n    return [Loss('own', own, outputs_per_target={each})]\n"
    )
    return load_scenario("sine", overrides={**NLL, "network.loss": "own"}, plugins=[tmp_path / "own.py"])


@pytest.mark.parametrize(
    "body",
    [
        ["total = 0.0", "for k in range(len(a)):", "    total += a[k] - y[k]", "return total"],
        ["total = 0.0", "for k in range(len(y)):", "    total += a[k] + a[2 * len(y) + k]", "return total"],
        ["total = 0.0", "for k, w in enumerate(a):", "    total += w - y[k]", "return total"],
    ],
)
def test_an_index_beyond_the_shorter_row_is_named(backend, tmp_path, body):
    small = {"network.layers.0.units": 2, "network.layers.1.units": 2}
    with pytest.raises(PluginError, match=r"own\.py:[3-5]: in own: .*is outside the row"):
        Simulator(written(tmp_path, body).changed(small), backend.name).train()


def test_a_helper_is_told_which_row_is_shorter(backend, tmp_path):
    body = ["return squares(a, y) + 0.5 * (a[-1] - 0.1) ** 2"]
    helper = (
        "def squares(a, y):\n    total = 0.0\n    for k in range(len(y)):\n"
        "        total += (a[k] - y[k]) ** 2\n    return total\n"
    )
    small = {"network.layers.0.units": 2, "network.layers.1.units": 2, "training.epochs": 2}
    scenario = written(tmp_path, body, helper).changed(small)
    simulator = Simulator(scenario, backend.name)
    losses = simulator.train().train_loss
    expected = Simulator(scenario, "reference").train().train_loss
    assert losses == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(losses).all()
