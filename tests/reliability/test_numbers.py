"""What is recorded, and what pictures and pages make of it, over all numbers that float32 has: against exact fractions.

From the smallest subnormal (1.4e-45) to the largest number (3.4e38), with both zeros, constant, mixed, empty, and with
NaN and infinities where they can come up.
"""

import io
import json
import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sizes import sizes

from neurosim import Simulator, load_scenario
from neurosim.analysis.facts import RunFacts
from neurosim.plots.histograms import quantiles
from neurosim.plots.layers import layer_pictures
from neurosim.plots.lines import PLAIN
from neurosim.plots.pictures import draw
from neurosim.report.live import _gradients, _histograms
from neurosim.scenario.study import QUANTITIES
from neurosim.training.recording import Recording
from neurosim.training.recording.recording import BINS, HISTOGRAMS, histogram

TINY, LARGE = float(np.float32(1e-45)), float(np.finfo(np.float32).max)
ANY = st.floats(width=32, allow_nan=False, allow_infinity=False)
# Where numbers go wrong: the ends of the range, the border of the subnormal ones, and neighbors.
EDGES = [
    0.0, -0.0, TINY, -TINY, 3 * TINY, 1.1754942e-38, 1.17549435e-38, 1.0, np.nextafter(np.float32(1), np.float32(2)),
    1e19, -1e20, LARGE, -LARGE, np.nextafter(np.float32(LARGE), np.float32(0)),
]  # fmt: skip
EXTREME = st.one_of(ANY, st.sampled_from([float(edge) for edge in EDGES]))
UNBOUND = st.one_of(EXTREME, st.sampled_from([math.nan, math.inf, -math.inf]))


@sizes(short=60, full=20_000)
def test_histograms_against_exact_fractions(count):
    @settings(max_examples=count)
    @given(arrays(np.float32, st.integers(0, 60), elements=UNBOUND))
    @example(np.zeros(0, np.float32))
    @example(np.array([0.0, TINY], np.float32))
    @example(np.array([-LARGE, LARGE, TINY], np.float32))
    @example(np.full(7, LARGE, np.float32))
    def check(values):
        check_histogram(values)

    check()


def check_histogram(values):
    counts, ends = histogram(values)
    finite = sorted(Fraction(float(value)) for value in values if np.isfinite(value))
    assert counts.shape == (BINS,)
    assert counts.sum() == len(finite)
    assert np.isfinite(ends).all()
    if not finite:
        assert ends.tolist() == [0.0, 0.0]
        return
    low, high = finite[0], finite[-1]
    assert [Fraction(float(end)) for end in ends] == [low, high]
    edges = np.linspace(float(ends[0]), float(ends[1]), BINS + 1)
    assert np.isfinite(edges).all()
    if low == high:
        assert counts.max() == len(finite)
        return
    assert (np.diff(edges) > 0).all()
    # Every number is in its bin, where rounding in float64 leaves no doubt which that is.
    width, slack = (high - low) / BINS, (high - low) / 10**12
    for place in range(BINS):
        below, above = low + place * width, low + (place + 1) * width
        surely = sum(below + slack < value < above - slack for value in finite)
        perhaps = sum(below - slack <= value <= above + slack for value in finite)
        assert surely <= counts[place] <= perhaps


@given(arrays(np.float64, st.integers(0, 20), elements=st.floats(allow_nan=True, allow_infinity=True)))
@example(np.array([5e-324, 0.0]))
@example(np.array([-1.7e308, 1.7e308]))
def test_histograms_of_the_reference_backend_take_any_float64(values):
    counts, ends = histogram(values)
    assert counts.sum() == np.isfinite(values).sum()
    assert np.isfinite(ends).all()
    assert ends[0] <= ends[1]


LAYERS = [
    {"kind": "dense", "units": 3, "activation": "relu"},
    {"kind": "dense", "units": 2, "activation": "tanh"},
    {"kind": "dense", "units": 1, "activation": "sigmoid"},
]
MEASURED = tuple(name for name in QUANTITIES if name not in ("update_ratio", "optimizer"))


@pytest.fixture(scope="module", params=["reference", "cpu"])
def simulator(request):
    keys = {"network.layers": LAYERS, "data.samples": 24, "training.epochs": 2, "expect": {}}
    made = Simulator(load_scenario("moons", overrides=keys), request.param)
    made.prepare()
    return made


def exact_norm(values):
    """The length of a vector, from the exact sum of its squares."""
    total = sum(Fraction(float(value)) ** 2 for value in values.ravel())
    # A square root of 200 digits.
    return float(Fraction(math.isqrt(int(total * 10**400)), 10**200))


def close(found, expected, tolerance=1e-5):
    """Whether a float32 number stands for another one, that may be subnormal, or beyond the range."""
    if expected > 0.9999 * LARGE:
        return found >= 0.9999 * LARGE
    return abs(float(found) - expected) <= tolerance * abs(expected) + 2 * TINY


@sizes(short=40, full=3_000)
def test_layers_of_any_weights_are_measured(simulator, count):
    @settings(max_examples=count)
    @given(arrays(np.float32, 20, elements=EXTREME))
    @example(np.full(20, TINY, np.float32))
    @example(np.full(20, LARGE, np.float32))
    @example(np.array([TINY, LARGE] * 10, np.float32))
    def check(values):
        check_measured(simulator, values)

    check()


def check_measured(simulator, values):
    parameters, start = {}, 0
    for name, array in simulator.parameters.items():
        parameters[name] = values[start : start + array.size].reshape(array.shape)
        start += array.size
    simulator.set_parameters(parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Sums that leave the range are the network's own.
        with np.errstate(all="ignore"):
            recording = simulator.measure_layers(MEASURED)
            signals = simulator.signals(simulator.data.to_input(simulator.data.train.features))
    for place, layer in enumerate(recording.layers):
        weights, outputs = parameters[f"{layer}.weight"], signals[layer].outputs
        assert close(recording.values["weight_norm"][0][place], exact_norm(weights))
        assert recording.values["weight_histogram"][0][place].sum() == weights.size
        assert recording.values["activation_histogram"][0][place].sum() == np.isfinite(outputs).sum()
        for name in HISTOGRAMS:
            assert np.isfinite(recording.values[f"{name}_range"][0][place]).all()
        if np.isfinite(outputs).all():
            # Of these rows all are measured on.
            mean = float(sum(Fraction(float(value)) for value in outputs.ravel()) / outputs.size)
            found, scale = float(recording.values["activation_mean"][0][place]), float(np.abs(outputs).max())
            # The reference backend has activations that no float32 holds.
            assert abs(found - mean) <= 1e-6 * scale + 2 * TINY or min(found, mean) >= 0.9999 * LARGE
        for name in ("dead", "saturated", "selectivity"):
            share = recording.values[name][0][place]
            assert math.isnan(share) or 0 <= share <= 1
    again = load_again(recording)
    assert all(np.array_equal(again.values[name], recording.values[name], equal_nan=True) for name in recording.values)


def load_again(recording):
    with np.load(io.BytesIO(recording.to_bytes()), allow_pickle=False) as archive:
        return Recording.from_arrays({name: archive[name] for name in archive.files})


SHARES = ("dead", "saturated", "selectivity")
LINES = ("gradient_norm", "weight_norm", "update_ratio", "activation_mean", "activation_std")


def recorded(times):
    """A recording of two layers; `times` has for each time the values of each layer, and a number of each."""
    made = Recording(("layers.0", "layers.1"))
    for step, (values, numbers) in enumerate(times):
        entries = {name: np.array(numbers, np.float32) for name in LINES}
        entries["activation_mean"] = -entries["activation_mean"]
        entries |= {name: np.array([0.0, 1.0], np.float32) for name in SHARES}
        binned = [histogram(np.array(of_layer, np.float32)) for of_layer in values]
        for name in HISTOGRAMS:
            entries |= {name: np.stack([counts for counts, _ in binned])}
            entries |= {f"{name}_range": np.stack([ends for _, ends in binned])}
        made.add(step, step, entries)
    return made


VALUES = st.lists(EXTREME, min_size=1, max_size=8)
TIMES = st.lists(
    st.tuples(st.tuples(VALUES, VALUES), st.tuples(UNBOUND.map(abs), UNBOUND.map(abs))), min_size=1, max_size=4
)


@given(TIMES)
def test_quantiles_of_any_recording_rise_within_its_range(times):
    recording = recorded(times)
    for time, (values, _) in enumerate(times):
        for layer in (0, 1):
            found = quantiles(recording, "weight_histogram", time, layer, [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0])
            numbers = np.array(values[layer], np.float32).astype(np.float64)
            assert np.isfinite(found).all()
            assert (np.diff(found) >= 0).all()
            # A histogram knows a quantile to the width of a bin.
            width = (numbers.max() - numbers.min()) / BINS * (1 + 1e-9)
            half = np.quantile(numbers, 0.5, method="inverted_cdf"), np.quantile(numbers, 0.5, method="higher")
            assert min(half) - width <= found[3] <= max(half) + width


@given(TIMES)
def test_a_page_has_json_of_any_recording(times):
    recording = recorded(times)
    places = list(range(len(recording)))
    told = [_gradients(recording, places), *(_histograms(recording, name, places) for name in HISTOGRAMS)]
    again = json.loads(json.dumps(told, allow_nan=False))
    for time, (_, numbers) in enumerate(times):
        for layer, value in enumerate(numbers):
            if layer in recording.layers_with("gradient_norm"):
                shown = again[0]["values"][time][again[0]["layers"].index(layer)]
                single = float(np.float32(value))
                assert shown is None if not math.isfinite(single) else shown == pytest.approx(single, rel=1e-6)


def pictures_of(recording):
    for name in (*LINES, *SHARES, *HISTOGRAMS):
        made = draw(name, RunFacts("Numbers", (name,), parts={"recorded.recording": recording}))
        check_drawn(made)
    for made in layer_pictures("Numbers", [("a", [recording, recording]), ("b", [recording])], [PLAIN, PLAIN]).values():
        check_drawn(made)


def check_drawn(made):
    """Drawn for real; the axes end at finite numbers, above 0 where they are logarithmic."""
    stream = io.BytesIO()
    made.savefig(stream, dpi=40)
    assert stream.getvalue().startswith(b"\x89PNG")
    for axes in made.axes:
        for ends, scale in ((axes.get_xlim(), axes.get_xscale()), (axes.get_ylim(), axes.get_yscale())):
            assert np.isfinite(ends).all()
            assert ends[0] != ends[1]
            assert scale != "log" or min(ends) > 0


T, L = TINY, LARGE
DRAWN = {
    "all at once": [(([T, -T, 0.0], [1.0, L, -L]), (T, L)), (([L], [-0.0, 0.0]), (0.0, math.inf))],
    "smallest": [(([0.0, T], [T, T]), (T, 0.0)), (([T, 3 * T], [T]), (T, T))],
    "largest": [(([L, -L], [L]), (L, L))],
    "nothing": [(([0.0], [0.0]), (math.nan, math.nan))],
}


@pytest.mark.ci
@pytest.mark.parametrize("name", DRAWN)
def test_extreme_recordings_are_drawn(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures_of(recorded(DRAWN[name]))


@sizes(short=1, full=40, ci=True)
def test_any_recording_is_drawn(count):
    @settings(max_examples=count, derandomize=count == 1)
    @given(TIMES)
    def check(times):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pictures_of(recorded(times))

    check()
