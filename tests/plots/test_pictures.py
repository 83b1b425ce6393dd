"""Pictures of runs: which ones there are, what is in them, and that two ways of drawing agree."""

import subprocess

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.contour import ContourSet
from matplotlib.image import imread

from neurosim import Simulator, load_scenario
from neurosim.analysis.facts import RunFacts, run_facts
from neurosim.analysis.inputs import InputMap, Points
from neurosim.plots import studio
from neurosim.plots.inputs import decision_boundary, fitted_curve
from neurosim.plots.pictures import write_pictures
from neurosim.plots.studio import Studio


@pytest.fixture(scope="module")
def facts():
    def trained(name, epochs):
        simulator = Simulator(load_scenario(name, overrides={"training.epochs": epochs}))
        simulator.train()
        return run_facts(simulator)

    return {
        "moons": trained("moons", 3),
        "sine": trained("sine", 3),
        "iris": trained("iris", 3),
        "xor": trained("xor", 0),
    }


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("moons", {"learning_curves.png", "decision_boundary.png", "hidden_space.png"}),
        ("sine", {"learning_curves.png", "fitted_curve.png"}),
        ("iris", {"learning_curves.png", "hidden_space.png", "confusion_matrix.png"}),
        ("xor", {"decision_boundary.png", "hidden_space.png"}),
    ],
)
def test_each_kind_of_problem_has_its_pictures(facts, tmp_path, name, pictures):
    written = write_pictures(facts[name], tmp_path)
    assert {path.name for path in written} == pictures
    for path in written:
        image = imread(path)
        assert image.shape[0] > 300
        assert image.shape[1] > 500
        assert image.std() > 0.02, "an empty picture"


def test_the_same_facts_give_the_same_bytes(facts, tmp_path):
    names = [path.name for path in write_pictures(facts["moons"], tmp_path)]
    first = [(tmp_path / name).read_bytes() for name in names]
    write_pictures(RunFacts.from_bytes(facts["moons"].to_bytes()), tmp_path)
    assert [(tmp_path / name).read_bytes() for name in names] == first


def test_the_map_holds_the_networks_own_answers():
    simulator = Simulator(load_scenario("xor", overrides={"training.epochs": 400}))
    simulator.train()
    shown = run_facts(simulator).part("decision_boundary")
    xs, ys = shown.axes
    i, j = 17, 140
    expected = simulator.forward(simulator.data.to_input(np.array([[xs[j], ys[i]]])))[0, 0]
    assert shown.outputs[0, i, j] == pytest.approx(expected, rel=1e-5)
    assert shown.points["train"].inputs.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_a_plane_shows_data_boundary_and_names(facts):
    made = decision_boundary(facts["moons"].part("decision_boundary"), "title")
    axes = made.axes[0]
    assert len(axes.images) == 1, "the map"
    assert len(axes.collections) == 5, "the boundary, and two classes in two splits"
    assert axes.get_xlabel()
    assert made.legends[0].get_texts()[0].get_text().startswith("class ")


@pytest.mark.parametrize(
    ("activation", "loss"), [("step", "perceptron"), ("sigmoid", "binary_cross_entropy"), ("tanh", "mse")]
)
def test_the_boundary_of_one_unit_is_the_line_of_its_weights(activation, loss):
    changes = {"network.loss": loss, "network.layers.0.activation": activation, "training.epochs": 20, "expect": {}}
    simulator = Simulator(load_scenario("and", overrides=changes), backend="reference")
    simulator.train()
    # So sure that its answers are 0 or 1 but for a hair's breadth.
    simulator.set_parameters({name: 500 * array for name, array in simulator.parameters.items()})
    axes = decision_boundary(run_facts(simulator).part("decision_boundary"), "title").axes[0]
    places = np.concatenate([path.vertices for path in _lines(axes) for path in path.get_paths()])
    weight, bias = simulator.parameters["layers.0.weight"][:, 0], simulator.parameters["layers.0.bias"][0]
    # An output of tanh means class 1 above the threshold of the loss, 0.5.
    level = np.arctanh(0.5) if activation == "tanh" else 0.0
    assert np.abs(places @ weight + bias - level).max() < 1e-5 * np.abs(weight).max()
    assert np.ptp(places, axis=0).max() > 0.3, "it crosses the picture"


def _lines(axes):
    return [entry for entry in axes.collections if isinstance(entry, ContourSet) and not entry.filled]


def test_a_class_that_is_only_ever_level_with_others_has_no_edge():
    x = np.linspace(0, 1, 20)
    across, up = np.meshgrid(x, x)
    # As outputs with relu are: all 0 in a corner, where the first class is taken.
    outputs = np.stack([np.zeros_like(across), np.maximum(across - 0.5, 0), np.maximum(up - 0.5, 0)])
    points = Points(np.array([[0.2, 0.2], [0.8, 0.1], [0.1, 0.9]]), np.array([0, 1, 2]))
    made = decision_boundary(InputMap((x, x), outputs, {"train": points}, ("a", "b"), ("0", "1", "2")), "corner")
    assert len(_lines(made.axes[0])) == 2


def test_boundaries_between_many_classes_lie_where_two_are_ahead_alike():
    layers = [{"kind": "dense", "units": 3, "activation": "softmax"}]
    changes = {
        "data": {"source": "blobs", "samples": 60, "classes": 3}, "network.layers": layers,
        "network.loss": "categorical_cross_entropy", "training.epochs": 3, "expect": {},
        "record": {"quantities": ["dead"]},
    }  # fmt: skip
    simulator = Simulator(load_scenario("moons", overrides=changes), backend="reference")
    simulator.train()
    simulator.set_parameters({name: 500 * array for name, array in simulator.parameters.items()})
    lines = _lines(decision_boundary(run_facts(simulator).part("decision_boundary"), "title").axes[0])
    assert len(lines) == 3, "one around each class"
    weight, bias = simulator.parameters["layers.0.weight"], simulator.parameters["layers.0.bias"]
    for line in lines:
        sums = np.sort(np.concatenate([path.vertices for path in line.get_paths()]) @ weight + bias, axis=1)
        apart = (sums[:, 2] - sums[:, 1]) / np.abs(weight).max()
        # But for the corner where three meet.
        assert np.quantile(apart, 0.9) < 1e-5


def test_classes_differ_by_shape_and_test_rows_are_hollow(facts):
    axes = decision_boundary(facts["moons"].part("decision_boundary"), "title").axes[0]
    rows = [entry for entry in axes.collections if isinstance(entry, PathCollection)]
    shapes = [entry.get_paths()[0].vertices.shape for entry in rows]
    assert shapes[0] != shapes[1]
    assert shapes[:2] == shapes[2:], "the same in both splits"
    assert [tuple(entry.get_facecolor()[0][:3]) == (1.0, 1.0, 1.0) for entry in rows] == [False, False, True, True]


def test_a_curve_shows_data_and_function(facts):
    axes = fitted_curve(facts["sine"].part("fitted_curve"), "title").axes[0]
    assert len(axes.lines) == 1
    assert len(axes.lines[0].get_xdata()) == 400


def test_a_process_of_its_own_draws_the_same(facts, tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there with spaces é\nand a line break"
    here.mkdir()
    there.mkdir()
    write_pictures(facts["moons"], here)
    monkeypatch.setattr("neurosim.plots.pictures.write_pictures", lambda facts, folder: pytest.fail("drawn here"))
    with Studio(own_process=True) as helper:
        written = helper.draw(facts["moons"], there)
    assert [path.parent for path in written] == [there] * 3
    for path in written:
        assert path.read_bytes() == (here / path.name).read_bytes()


def test_a_helper_that_dies_costs_no_picture(facts, tmp_path, monkeypatch):
    monkeypatch.setattr(studio, "MODULE", "no.such.module")
    with Studio(own_process=True) as helper:
        assert len(helper.draw(facts["iris"], tmp_path)) == 3
    assert (tmp_path / "learning_curves.png").is_file()


def test_a_helper_that_is_not_needed_is_ended():
    with Studio(own_process=True) as helper:
        process = helper._process
    assert isinstance(process, subprocess.Popen)
    assert process.returncode is not None


def test_the_helper_runs_nothing_from_the_current_folder(facts, tmp_path, monkeypatch):
    for name in ("neurosim", "matplotlib", "numpy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("neurosim.plots.pictures.write_pictures", lambda facts, folder: pytest.fail("drawn here"))
    with Studio(own_process=True) as helper:
        assert len(helper.draw(facts["iris"], tmp_path)) == 3
    assert not (tmp_path / "ran").exists()
