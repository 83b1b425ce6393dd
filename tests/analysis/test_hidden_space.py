"""The hidden space: rows lie where the last hidden layer puts them, on the side that the network answers."""

import numpy as np
import pytest

from neurosim import Simulator, load_scenario
from neurosim.analysis.catalog import lacking, no_film
from neurosim.analysis.frames import film
from neurosim.analysis.hidden import hidden_space
from neurosim.plots.animation import frames
from neurosim.plots.hidden import hidden_space as drawn

UNITS = "network.layers.0.units"
# Scenario, what is changed, and whether the plane holds all that the output layer sees.
KINDS = {
    "one unit": ("xor", {UNITS: 1}, True),
    "two units": ("xor-two-units", {}, True),
    "six units": ("xor", {}, True),
    "another activation and loss": ("xor", {"network.layers.1.activation": "tanh", "network.loss": "hinge"}, True),
    "three classes": ("iris", {}, True),
    "three classes on two units": ("iris", {UNITS: 2}, True),
    "ten classes": ("digits", {"network.layers.0.units": 12}, False),
    "deep": ("spirals", {}, True),
}


def trained(name, epochs=3, **changes):
    simulator = Simulator(load_scenario(name, overrides={"training.epochs": epochs, "expect": {}, **changes}))
    simulator.train()
    return simulator


@pytest.fixture(scope="module")
def simulators():
    return {kind: trained(name, **changes) for kind, (name, changes, _) in KINDS.items()}


def start_of(simulator):
    return Simulator(simulator.scenario).parameters


def at(shown, moment, values):
    """Linear functions known at the corners of the picture, at the places of the rows: (outputs, rows)."""
    (left, right), (down, up) = shown.xs, shown.ys
    across = (moment.places[:, 0] - left) / (right - left)
    upward = (moment.places[:, 1] - down) / (up - down)
    here = values[:, 0, 0]
    return here[:, None] + np.outer(values[:, 0, 1] - here, across) + np.outer(values[:, 1, 0] - here, upward)


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_lies_on_the_side_of_its_answer(simulators, kind):
    simulator = simulators[kind]
    shown = hidden_space(simulator)
    assert shown.whole is KINDS[kind][2]
    after = simulator.parameters
    rows = simulator.split_rows("train")
    chosen = rows.some(np.unique(np.linspace(0, rows.count - 1, len(shown.targets)).round().astype(int)))
    inputs = chosen.features.astype(np.float64) * chosen.scale + chosen.shift
    assert np.array_equal(shown.targets, chosen.classes)
    for moment, parameters in zip(shown.moments, (start_of(simulator), after), strict=True):
        simulator.set_parameters(parameters)
        outputs = simulator.forward(inputs)
        sums = at(shown, moment, moment.sums)
        if not shown.whole:
            continue
        if outputs.shape[1] > 1:
            assert (sums.argmax(axis=0) == outputs.argmax(axis=1)).mean() > 0.99
            continue
        (level,) = shown.levels
        # On the line itself rounding decides.
        clear = np.abs(sums[0] - level) > 1e-5
        assert clear.any()
        assert np.array_equal((sums[0] > level)[clear], (outputs[:, 0] > shown.threshold)[clear])
    simulator.set_parameters(after)


def test_two_units_are_the_plane_itself(simulators):
    simulator = simulators["two units"]
    shown = hidden_space(simulator)
    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    seen = simulator.inspect(inputs, np.zeros((4, 1))).layers["layers.0"].outputs
    assert shown.moments[-1].places == pytest.approx(seen)
    assert [moment.spread for moment in shown.moments] == pytest.approx([1.0, 1.0])
    assert shown.names == ("(0, 0)", "(0, 1)", "(1, 0)", "(1, 1)")
    # The corners of the square are those of the grid that is drawn on it.
    corners = shown.moments[-1].folded[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners == pytest.approx(shown.moments[-1].places[[0, 2, 2, 3]], abs=1e-6)


@pytest.mark.parametrize("kind", ["one unit", "two units", "six units"])
def test_on_the_line_that_is_drawn_the_answer_changes(simulators, kind):
    shown = hidden_space(simulators[kind])
    for axes, moment in zip(drawn(shown, "A title").axes, shown.moments, strict=True):
        (line,) = [line for line in axes.lines if len(line.get_xdata()) == 2]
        (left, right), (down, up) = shown.xs, shown.ys
        here, across, upward = moment.sums[0][0, 0], moment.sums[0][0, 1], moment.sums[0][1, 0]
        for x, y in line.get_xydata():
            found = here + (across - here) * (x - left) / (right - left) + (upward - here) * (y - down) / (up - down)
            assert found == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("kind", ["six units", "three classes", "ten classes"])
def test_the_spread_of_a_plane_is_told(simulators, kind):
    shown = hidden_space(simulators[kind])
    assert all(0.0 < moment.spread < 1.0 for moment in shown.moments)
    assert [text.get_text() for text in drawn(shown, "A title").texts if "spread" in text.get_text()] == [
        f"{when} training ({moment.spread:.0%} of the rows' spread)"
        for when, moment in zip(("before", "after"), shown.moments, strict=True)
    ]


def test_before_training_comes_from_the_recording_or_from_the_seed(simulators):
    recorded = hidden_space(simulators["two units"])
    plain = trained("xor-two-units", record=None)
    assert plain.recording is None
    again = hidden_space(plain)
    assert again.moments[0].places == pytest.approx(recorded.moments[0].places)
    assert not np.allclose(again.moments[0].places, again.moments[1].places)


def test_weights_of_zero_and_rows_on_one_spot_are_drawn():
    for changes in ({"network.layers.0.init": "zeros"}, {"network.layers.1.init": "zeros"}):
        for name in ("xor", "iris"):
            simulator = trained(name, epochs=0, **changes)
            assert drawn(hidden_space(simulator), "Nothing learned").axes


def test_the_network_is_as_before(simulators):
    simulator = simulators["six units"]
    before = {name: array.copy() for name, array in simulator.parameters.items()}
    hidden_space(simulator)
    film("hidden_space", simulator)
    assert all(np.array_equal(before[name], array) for name, array in simulator.parameters.items())


NORMALIZED = [
    {"kind": "dense", "units": 4}, {"kind": "batch_norm"}, {"kind": "dense", "units": 1, "activation": "sigmoid"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("sine", {}, "values to predict, not classes"),
        ("and", {}, "no hidden layer"),
        ("moons", {"network.layers": NORMALIZED}, "batch normalization"),
    ],
)
def test_where_there_is_none_it_is_said_why(name, changes, words):
    simulator = Simulator(load_scenario(name, overrides=changes))
    assert words in lacking(simulator)["hidden_space"]
    assert words in no_film("hidden_space", simulator)


def test_the_last_layers_may_be_functions_alone():
    layers = [
        {"kind": "dense", "units": 5, "activation": "relu"}, {"kind": "dropout", "rate": 0.2},
        {"kind": "dense", "units": 1}, {"kind": "activation", "activation": "sigmoid"},
    ]  # fmt: skip
    shown = hidden_space(trained("moons", **{"network.layers": layers}))
    assert (shown.units, shown.levels) == (5, (0.0,))
    layers.insert(3, {"kind": "layer_norm"})
    normalized = trained("moons", epochs=0, **{"network.layers": layers})
    assert "does not end with a dense layer" in lacking(normalized)["hidden_space"]


def test_a_film_shows_the_plane_of_the_inputs_beside_it(simulators):
    shown = film("hidden_space", simulators["six units"])
    assert shown.hidden is not None
    assert len(shown.hidden.moments) == len(shown.maps) == len(shown.places) == 2
    titles = [[axes.get_title() for axes in made.axes] for made in frames(shown)]
    assert titles[0][1] == "the plane of the inputs"
    # The plane is seen from one side: nothing jumps from frame to frame.
    long = film("hidden_space", trained("xor", epochs=60, **{"record.every": 1}))
    places = np.array([moment.places for moment in long.hidden.moments])
    steps = np.abs(np.diff(places, axis=0)).max(axis=(1, 2))
    assert steps.max() < 0.25 * np.ptp(places)
