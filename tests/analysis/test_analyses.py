"""The numbers behind the pictures, against numbers worked out in another way."""

from dataclasses import replace

import numpy as np
import pytest

from neurosim import Simulator, load_scenario
from neurosim.analysis.classification import classification
from neurosim.analysis.diagram import diagram
from neurosim.analysis.feature_maps import feature_maps
from neurosim.analysis.surfaces import loss_surface
from neurosim.analysis.units import unit_maps
from neurosim.analysis.weights import filters, weight_images
from neurosim.plots.histograms import quantiles
from neurosim.plots.surfaces import loss_surface as draw_surface
from neurosim.training.recording.recording import Recording, histogram


def trained(name, **overrides):
    simulator = Simulator(load_scenario(name, overrides=overrides))
    simulator.train()
    return simulator


@pytest.mark.parametrize("name", ["iris", "moons", "and", "digits"])
def test_counts_and_mistakes_are_those_of_the_outputs(name):
    simulator = trained(name, **{"training.epochs": 3, "expect": {}})
    found = classification(simulator)
    split = "test" if "test" in simulator.splits else "train"
    assert found.split == split
    rows = getattr(simulator.data, split)
    outputs = simulator.forward(rows.features * np.float32(simulator.data.scale) + np.float32(simulator.data.shift))
    threshold = simulator.network.loss.record.threshold
    wrong = 0
    counts = np.zeros_like(found.counts)
    for output, right in zip(outputs, rows.targets, strict=True):
        answer = int(output[0] > threshold) if len(output) == 1 else int(output.argmax())
        counts[right, answer] += 1
        wrong += answer != right
    assert found.counts.tolist() == counts.tolist()
    assert found.accuracy == pytest.approx(simulator.evaluate(split)["accuracy"])
    assert len(found.mistakes) == min(wrong, 24)
    strengths = [mistake.sure for mistake in found.mistakes]
    assert strengths == sorted(strengths, reverse=True)
    for mistake in found.mistakes:
        assert mistake.right != mistake.answer
        place = list(rows.rows).index(mistake.row)
        assert rows.targets[place] == mistake.right
        raw = simulator.data.to_raw(rows.features[place] * simulator.data.scale + simulator.data.shift)
        np.testing.assert_allclose(mistake.features, raw, rtol=1e-5, atol=1e-5)
        if found.probabilities:
            assert mistake.sure + mistake.chance <= 1.0 + 1e-5


def test_there_are_no_classes_in_a_regression():
    assert classification(Simulator(load_scenario("sine"))) is None


@pytest.mark.parametrize("name", ["moons", "sine"])
def test_unit_maps_are_the_layers_one_after_the_other(name):
    simulator = trained(name, **{"training.epochs": 2, "expect": {}})
    shown = unit_maps(simulator)
    grid = np.stack(np.meshgrid(*shown.axes), axis=-1)
    x = simulator.data.to_input(grid.reshape(-1, simulator.network.inputs))
    parameters = simulator.parameters
    first = x @ parameters["layers.0.weight"] + parameters["layers.0.bias"]
    sums = shown.layers[0].sums.reshape(len(shown.layers[0].units), -1).T
    np.testing.assert_allclose(sums, first[:, list(shown.layers[0].units)], rtol=1e-4, atol=1e-4)
    last = shown.layers[-1].answers.reshape(1, -1).T
    np.testing.assert_allclose(last, simulator.forward(x), rtol=1e-4, atol=1e-5)


def test_a_diagram_has_the_parameters():
    simulator = Simulator(load_scenario("iris"))
    shown = diagram(simulator)
    assert shown.inputs == tuple(simulator.data.feature_names)
    assert shown.outputs == tuple(simulator.data.classes)
    assert shown.weights[1].tolist() == simulator.parameters["layers.1.weight"].tolist()
    assert shown.biases[0].tolist() == simulator.parameters["layers.0.bias"].tolist()


def flat(simulator, parameters):
    return np.concatenate([np.ravel(parameters[name]) for name in simulator.parameters]).astype(float)


def test_a_surface_lies_along_the_principal_components_and_has_the_loss():
    simulator = trained("moons", **{"training.epochs": 12, "record.every": 1, "expect": {}})
    before = flat(simulator, simulator.parameters)
    shown = loss_surface([("", simulator)])
    assert flat(simulator, simulator.parameters).tobytes() == before.tobytes(), "as it was"
    recording = simulator.recording
    way = np.array([flat(simulator, recording.parameters_at(place)) for place in range(len(recording))])
    # Another way to the components: the small matrix of inner products.
    centered = way - way.mean(axis=0)
    strengths, vectors = np.linalg.eigh(centered @ centered.T)
    assert shown.shares[0] == pytest.approx(strengths[-1] / strengths.sum())
    assert shown.shares[1] == pytest.approx(strengths[-2] / strengths.sum())
    for k in (0, 1):
        expected = vectors[:, -1 - k] * np.sqrt(strengths[-1 - k])
        sign = np.sign(expected @ shown.paths[0].places[:, k])
        np.testing.assert_allclose(shown.paths[0].places[:, k], sign * expected, rtol=1e-6, atol=1e-6)
    assert (shown.xs[0] < shown.paths[0].places[:, 0]).all()
    assert (shown.ys[-1] > shown.paths[0].places[:, 1]).all()
    # The loss at the end is that of the network on its training rows.
    assert shown.rows == simulator.split_rows("train").count
    assert shown.paths[0].losses[1] == pytest.approx(simulator.evaluate("train")["loss"], rel=1e-5)
    # A place on the grid, built up from the directions that the paths give away.
    directions = np.linalg.lstsq(shown.paths[0].places, centered, rcond=None)[0]
    i, j = 5, 30
    vector = way.mean(axis=0) + np.array([shown.xs[j], shown.ys[i]]) @ directions
    simulator.set_parameters(simulator.network.named(vector))
    assert shown.losses[i, j] == pytest.approx(simulator.evaluate("train")["loss"], rel=1e-4)


def test_an_end_beside_the_plane_is_hollow_and_its_real_loss_is_told():
    runs = [
        (name, trained("moons", **{"training.epochs": 6, "record.every": 1, "optimizer": optimizer, "expect": {}}))
        for name, optimizer in (
            ("one", {"name": "adam", "lr": 0.05}), ("two", {"name": "sgd", "lr": 0.5}), ("three", {"name": "adagrad"}),
        )
    ]  # fmt: skip
    shown = loss_surface(runs)
    ways = [
        np.array([flat(simulator, simulator.recording.parameters_at(place)) for place in range(7)])
        for _, simulator in runs
    ]
    everything = np.concatenate(ways)
    places = np.concatenate([path.places for path in shown.paths])
    directions = np.linalg.lstsq(places, everything - everything.mean(axis=0), rcond=None)[0]
    for way, path in zip(ways, shown.paths, strict=True):
        nearest = everything.mean(axis=0) + path.places[-1] @ directions
        distance = np.linalg.norm(way[-1] - nearest) / np.linalg.norm(way[-1] - way[0])
        assert path.beside == pytest.approx(distance, rel=1e-5)
        runs[0][1].set_parameters(runs[0][1].network.named(nearest))
        assert path.shades[1] == pytest.approx(runs[0][1].evaluate("train")["loss"], rel=1e-4)
    # Two of three ends as if they lay on a hill and in a valley that are not there.
    paths = [
        replace(path, losses=(0.7, loss), shades=(0.7, shade))
        for path, loss, shade in zip(shown.paths, (0.1, 0.1, 0.5), (0.12, 1.8, 0.3), strict=True)
    ]
    made = draw_surface(replace(shown, paths=tuple(paths)), "T")
    stars = [line for line in made.axes[0].lines if line.get_marker() == "*"]
    assert [star.get_markerfacecolor() == "white" for star in stars] == [False, True, True]
    told = [text.get_text().split(",")[0] for text in made.legends[0].get_texts()]
    assert told == ["one: 0.1", "two: 0.1", "three: 0.5"]
    assert "hollow" in made.texts[-1].get_text()


def test_a_straight_way_has_a_plane_and_no_way_has_none():
    simulator = trained("and", **{"training.epochs": 3, "expect": {}})
    recording = simulator.recording
    start = recording.parameters_at(0)
    for place in range(len(recording)):
        for name, array in start.items():
            recording.parameters[name][place] = array + np.float32(place)
    shown = loss_surface([("", simulator)])
    assert shown.shares == (pytest.approx(1.0), 0.0)
    for place in range(len(recording)):
        for name, array in start.items():
            recording.parameters[name][place] = array
    assert loss_surface([("", simulator)]) is None


def test_weights_as_images():
    simulator = Simulator(load_scenario("digits"))
    shown = weight_images(simulator)
    weight = simulator.parameters["layers.0.weight"]
    assert len(shown.units) == 40
    for place, unit in enumerate(shown.units):
        assert shown.weights[place, 0].ravel().tolist() == weight[:, unit].tolist()
    assert weight_images(Simulator(load_scenario("digits-cnn"))) is None
    assert weight_images(Simulator(load_scenario("iris"))) is None


def test_kernels_of_convolutions():
    simulator = Simulator(load_scenario("digits-cnn"))
    first, second = filters(simulator)
    weight = simulator.parameters["layers.2.weight"]
    assert first.weights.shape == (16, 1, 3, 3)
    assert (len(second.units), second.of_units, len(second.inputs), second.of_inputs) == (16, 32, 8, 16)
    assert second.weights[3, 5].tolist() == weight[:, :, second.inputs[5], second.units[3]].tolist()


def test_feature_maps_are_those_of_the_layers():
    simulator = Simulator(load_scenario("digits-cnn"))
    shown = feature_maps(simulator)
    rows = simulator.split_rows("test").some(slice(0, 1))
    x = rows.features * np.float32(rows.scale) + np.float32(rows.shift)
    seen = simulator.inspect(x, rows.classes).layers
    assert [layer.layer for layer in shown.layers] == ["layers.0", "layers.1", "layers.2", "layers.3"]
    for layer in shown.layers:
        np.testing.assert_array_equal(layer.maps[1], seen[layer.layer].outputs[0, :, :, 1])
    assert shown.name == f"test image {simulator.data.test.rows[0]} ({simulator.data.classes[rows.classes[0]]})"


def test_quantiles_from_counts_are_those_of_the_values_to_a_bin():
    values = np.random.default_rng(3).normal(size=5000).astype(np.float32)
    counts, ends = histogram(values)
    recording = Recording(("layers.0",))
    recording.add(0.0, 0, {"weight_histogram": counts[None], "weight_histogram_range": ends[None]})
    shares = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0]
    found = quantiles(recording, "weight_histogram", 0, 0, shares)
    width = float(np.ptp(values)) / len(counts)
    np.testing.assert_allclose(found, np.quantile(values, shares), atol=width)


@pytest.mark.parametrize(("loss", "probabilities"), [("binary_cross_entropy", True), ("hinge", False)])
def test_an_output_is_a_probability_only_where_the_loss_halves_it(loss, probabilities):
    simulator = Simulator(load_scenario("moons", overrides={"network.loss": loss, "expect": {}}))
    found = classification(simulator)
    assert found.probabilities == probabilities
    if probabilities:
        assert all(0.0 <= mistake.chance <= mistake.sure <= 1.0 for mistake in found.mistakes)
