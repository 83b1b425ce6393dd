"""What is recorded of the layers: against gradients, weights and shares worked out by hand."""

import io
import math
import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neurosim import Simulator, load_scenario, run
from neurosim.errors import DataError, UsageError
from neurosim.runs.checkpoint import load_checkpoint, save_checkpoint
from neurosim.scenario.study import QUANTITIES
from neurosim.training.recording import Recording, load_recording
from neurosim.training.recording.recorder import _selectivity
from neurosim.training.recording.recording import BINS, histogram
from neurosim.training.recording.slopes import flat_regions

ALL = {"record": {"quantities": list(QUANTITIES)}}
DEEP = {
    "data.samples": 90, "data.test_fraction": 0.25, "training.epochs": 3, "training.batch_size": 20, "expect": {},
    "network.layers": [
        {"kind": "dense", "units": 5, "activation": "identity"},
        {"kind": "batch_norm"},
        {"kind": "activation", "activation": "relu"},
        {"kind": "dropout", "rate": 0.3},
        {"kind": "dense", "units": 4, "activation": "tanh"},
        {"kind": "dense", "units": 1, "activation": "sigmoid"},
    ],
}  # fmt: skip
LAYERS = ("layers.0", "layers.2", "layers.4", "layers.5")


def simulator(*changes, backend="cpu"):
    overrides = dict(DEEP)
    for change in changes:
        overrides |= change
    return Simulator(load_scenario("moons", overrides=overrides), backend)


@pytest.mark.parametrize("per", ["epoch", "step"])
@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("layers", [{}, {"network.layers": DEEP["network.layers"][-2:]}], ids=["deep", "small"])
def test_recording_does_not_change_what_is_learned(backend, per, layers):
    plain = simulator(layers, backend=backend)
    plain.train()
    recorded = simulator(layers, {"record": {"quantities": list(QUANTITIES), "per": per, "every": 2}}, backend=backend)
    recorded.train()
    for one, other in ((plain.parameters, recorded.parameters), (plain.statistics, recorded.statistics)):
        assert all(one[name].tobytes() == other[name].tobytes() for name in one)
    assert plain.history.train_loss == pytest.approx(recorded.history.train_loss, rel=1e-12)
    assert plain.history.train_accuracy == recorded.history.train_accuracy


def test_gradients_and_weights_are_those_of_the_network():
    found = simulator(ALL)
    rows = found.data.train
    before = found.gradients(rows.features, rows.targets[:, None].astype(float))[1]
    start = found.parameters
    found.train()
    after = found.gradients(rows.features, rows.targets[:, None].astype(float))[1]
    recording = found.recording
    assert recording.layers == LAYERS
    assert recording.epochs == [0, 1, 2, 3]
    assert recording.steps == [0, 4, 8, 12]
    for layer in ("layers.0", "layers.4", "layers.5"):
        name = f"{layer}.weight"
        for epoch, gradient, weights in ((0, before, start), (3, after, found.parameters)):
            assert recording.value("gradient_norm", layer, epoch) == pytest.approx(
                np.linalg.norm(gradient[name]), rel=1e-4
            )
            assert recording.value("weight_norm", layer, epoch) == pytest.approx(
                np.linalg.norm(weights[name]), rel=1e-5
            )
    assert recording.value("gradient_norm", "layers.2") is None or math.isnan(
        recording.value("gradient_norm", "layers.2", 0)
    )


def test_the_ratio_is_of_the_last_step():
    """With plain gradient descent and one batch a step changes weights by lr times the gradient."""
    found = simulator(
        {"optimizer": {"name": "sgd", "lr": 0.5}, "training.batch_size": 1000, "training.epochs": 1, **ALL,
         "network.layers": DEEP["network.layers"][-2:]}
    )  # fmt: skip
    rows = found.data.train
    start, gradient = found.parameters, found.gradients(rows.features, rows.targets[:, None].astype(float))[1]
    found.train()
    for layer in ("layers.0", "layers.1"):
        name = f"{layer}.weight"
        expected = 0.5 * np.linalg.norm(gradient[name]) / np.linalg.norm(start[name])
        assert found.recording.value("update_ratio", layer) == pytest.approx(expected, rel=1e-4)
    assert math.isnan(found.recording.value("update_ratio", "layers.0", 0))


def test_activations_are_those_of_the_rows():
    found = simulator(ALL, {"network.layers": DEEP["network.layers"][-2:], "training.epochs": 1})
    weights = {name: array.astype(float) for name, array in found.parameters.items()}
    found.train()
    a = np.tanh(found.data.train.features @ weights["layers.0.weight"] + weights["layers.0.bias"])
    recording = found.recording
    assert recording.value("activation_mean", "first", 0) == pytest.approx(a.mean(), rel=1e-4)
    assert recording.value("activation_std", "first", 0) == pytest.approx(a.std(), rel=1e-4)
    assert recording.value("saturated", "first", 0) == pytest.approx(np.mean(1 - a**2 < 0.05), abs=1e-6)
    counts, ends = (recording.values[name][0][0] for name in ("activation_histogram", "activation_histogram_range"))
    assert ends == pytest.approx([a.min(), a.max()], rel=1e-4)
    assert counts.sum() == a.size
    assert np.abs(counts.astype(int) - np.histogram(a, BINS)[0]).sum() <= 4, "but for rounding at the edges"


def test_dead_units_are_those_that_pass_nothing_back():
    layers = [
        {"kind": "dense", "units": 4, "activation": "relu", "bias": [-100.0, 100.0, -100.0, 0.0]},
        {"kind": "dense", "units": 1, "activation": "sigmoid"},
    ]
    found = simulator(ALL, {"network.layers": layers, "training.epochs": 1, "optimizer.lr": 0.0})
    found.train()
    assert found.recording.value("dead", "first") == 0.5
    assert found.recording.layers_with("dead") == [0], "not the output"
    leaky = [{**layers[0], "activation": "leaky_relu"}, layers[1]]
    found = simulator(ALL, {"network.layers": leaky, "training.epochs": 1})
    found.train()
    assert found.recording.value("dead", "max") == 0.0


@pytest.mark.parametrize(
    ("name", "dead", "saturated"),
    [
        ("relu", [(-3.0, True), (0.0, True), (1e-6, False), (50.0, False)], [(0.0, True), (0.1, False)]),
        ("leaky_relu", [(-50.0, False), (3.0, False)], [(-1.0, True), (1.0, False)]),
        # s (1 - s) = 0.05 / 4 at z = -4.355; tanh' = 0.05 at z = 2.178.
        ("sigmoid", [(-10.0, False), (-29.0, True), (29.0, True)], [(-4.36, True), (-4.35, False), (4.36, True)]),
        ("tanh", [(0.0, False), (29.0, True)], [(-2.18, True), (-2.17, False), (2.17, False), (2.18, True)]),
        ("identity", [(-29.0, False)], [(29.0, False)]),
    ],
)
def test_where_an_activation_is_flat(registry, name, dead, saturated):
    record = registry.activations.get(name)
    regions = flat_regions(record, tuple(record.params.values()))
    for region, points in zip(regions, (dead, saturated), strict=True):
        assert [bool(region(np.array([z]))[0]) for z, _ in points] == [flag for _, flag in points]


def test_selectivity_is_one_for_a_unit_of_one_class_and_zero_for_one_of_all():
    classes = np.array([0, 0, 1, 1, 2, 2], np.int32)
    one, alike = (classes == 1).astype(float), np.ones(6)
    half = np.array([3.0, 3.0, 1.0, 1.0, 1.0, 1.0])
    assert _selectivity(one[:, None], classes) == 1.0
    assert _selectivity(alike[:, None], classes) == 0.0
    assert _selectivity(half[:, None], classes) == pytest.approx(0.5)
    assert _selectivity(np.stack([one, alike], axis=1), classes) == pytest.approx(0.5)
    maps = np.zeros((6, 2, 2, 1))
    maps[2:4, 0, 1] = 8.0
    assert _selectivity(maps, classes) == 1.0
    assert math.isnan(_selectivity(one[:2, None], classes[:2]))


def test_compiled_and_defined_quantities_agree():
    compiled, defined = (simulator(ALL, backend=backend) for backend in ("cpu", "reference"))
    for one in (compiled, defined):
        one.train()
    for name in compiled.recording.quantities:
        if not name.endswith("histogram"):
            ours, theirs = compiled.recording.series(name), defined.recording.series(name)
            assert np.array_equal(np.isnan(ours), np.isnan(theirs))
            assert np.nanmax(np.abs(ours - theirs)) <= 1e-3 * np.nanmax(np.abs(theirs)), name


@pytest.mark.parametrize(
    ("asked", "epochs"),
    [
        ({"every": 2}, [0, 2, 4, 5]),
        ({"every": 9}, [0, 5]),
        ({"per": "step", "every": 3}, [0, 0.75, 1.5, 2.25, 3.0, 3.75, 4.5, 5.0]),
        ({"per": "step", "every": 100}, [0, 5]),
    ],
)
def test_when_it_is_recorded(asked, epochs):
    found = simulator({"record": {"quantities": ["weight_norm", "update_ratio"], **asked}, "training.epochs": 5})
    found.train()
    assert found.recording.epochs == epochs
    assert found.recording.steps == [round(4 * epoch) for epoch in epochs]


def test_the_end_is_recorded_where_training_stops_early():
    stopping = {"training.early_stopping": {"metric": "train_loss", "patience": 1, "min_delta": 100.0}}
    found = simulator({"record": {"quantities": ["weight_norm"], "every": 50}, "training.epochs": 50}, stopping)
    found.train()
    assert found.recording.epochs == [0, len(found.history)]


def test_a_run_that_is_resumed_records_on(tmp_path):
    whole = simulator(ALL)
    whole.train()
    first = simulator(ALL)
    first.train_epoch()
    save_checkpoint(tmp_path, first)
    second = simulator(ALL)
    load_checkpoint(tmp_path, second)
    second.train()
    assert second.recording.to_bytes() == whole.recording.to_bytes()
    bare = simulator({"record": None})
    save_checkpoint(tmp_path / "bare", bare)
    with pytest.raises(UsageError, match="nothing of what was recorded"):
        load_checkpoint(tmp_path / "bare", simulator(ALL), force=True)


def test_the_file_is_a_plain_archive(tmp_path):
    result = run("moons", overrides={**DEEP, **ALL}, out=tmp_path)
    with np.load(tmp_path / "record.npz", allow_pickle=False) as archive:
        assert archive["layers"].tolist() == list(LAYERS)
        assert archive["epochs"].tolist() == [0, 1, 2, 3]
        assert archive["gradient_norm"].shape == (4, 4)
        assert archive["gradient_norm"].dtype == np.float32
        assert archive["weight_histogram"].shape == (4, 4, BINS)
        assert archive["weight_histogram_range"].shape == (4, 4, 2)
    again = load_recording(tmp_path)
    assert again.to_bytes() == result.recording.to_bytes()
    assert again.value("dead", "mean") == result.recording.value("dead", "mean")


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(DataError) as caught:
        load_recording(tmp_path)
    assert "nothing was recorded" in caught.value.message
    assert "[record]" in caught.value.hint
    (tmp_path / "record.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match="not a readable recording"):
        load_recording(tmp_path)
    buffer = io.BytesIO()
    np.savez(buffer, layers=np.array([object()], object), allow_pickle=True)
    (tmp_path / "record.npz").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match="not a readable recording"):
        load_recording(tmp_path)


def test_histograms_of_odd_values():
    counts, ends = histogram(np.array([1.0, math.inf, 3.0, math.nan], np.float32))
    assert counts[0] == counts[-1] == 1
    assert ends.tolist() == [1.0, 3.0]
    counts, ends = histogram(np.full(5, 2.0, np.float32))
    assert counts.sum() == 5
    assert histogram(np.full(3, math.nan, np.float32))[0].sum() == 0


@given(arrays(np.float32, st.integers(1, 40), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)))
@example(np.array([0.0, 1e-45], np.float32))
@example(np.array([-3.4e38, 3.4e38], np.float32))
@example(np.array([-1.1754944e-38, 0.0, 1e-39], np.float32))
def test_histograms_count_every_finite_number_once(values):
    counts, ends = histogram(values)
    finite = values[np.isfinite(values)].astype(np.float64)
    assert counts.sum() == finite.size
    if finite.size:
        assert ends.tolist() == [finite.min(), finite.max()]
        if finite.min() < finite.max():
            # Every number lies in the bin that it belongs to, or at the edge of it.
            edges = np.linspace(finite.min(), finite.max(), BINS + 1)
            slack = 1e-9 * (finite.max() - finite.min())
            for upto, edge in zip(np.cumsum(counts), edges[1:], strict=True):
                assert (finite < edge - slack).sum() <= upto <= (finite <= edge + slack).sum()


def test_tiny_gradients_do_not_vanish_in_float32():
    layers = [
        *({"kind": "dense", "units": 4, "activation": "sigmoid"} for _ in range(40)),
        {"kind": "dense", "units": 1, "activation": "sigmoid"},
    ]
    found = simulator({"record": {"quantities": ["gradient_norm"]}, "network.layers": layers, "training.epochs": 0})
    found.train()
    first, last = (found.recording.value("gradient_norm", layer) for layer in ("first", "last"))
    assert 0 < first < 1e-18 * last


def test_layers_without_a_quantity_are_left_out_of_its_mean():
    recording = Recording(("a", "b", "c"))
    recording.add(0, 0, {"dead": np.array([0.5, np.nan, 0.25], np.float32)})
    assert recording.value("dead", "mean") == 0.375
    assert recording.value("dead", "max") == 0.5
    assert recording.value("dead", "min") == recording.value("dead", "last") == recording.value("dead", "c") == 0.25
    assert recording.value("dead", "nowhere") is None
    assert recording.value("dead", "mean", 7) is None
    assert recording.value("saturated", "mean") is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recording.add(1, 1, {"dead": np.full(3, np.nan, np.float32)})
        assert recording.value("dead", "a") == 0.5


def test_recorded_parameters_are_those_of_each_time(tmp_path):
    found = simulator({"record": {"quantities": ["parameters"], "every": 2}})
    seen = [{**found.parameters, **found.statistics}]
    found.train(lambda _: seen.append({**found.parameters, **found.statistics}))
    (tmp_path / "record.npz").write_bytes(found.recording.to_bytes())
    again = load_recording(tmp_path)
    assert again.epochs == [0.0, 2.0, 3.0]
    assert again.quantities == ()
    for place, epoch in enumerate((0, 2, 3)):
        kept = again.parameters_at(place)
        assert kept.keys() == seen[epoch].keys()
        assert all(kept[name].tobytes() == seen[epoch][name].tobytes() for name in kept)


def test_recording_all_parameters_of_every_step_of_a_long_run_is_refused():
    asked = {"record": {"quantities": ["parameters"], "per": "step"}, "training.epochs": 3_000_000}
    with pytest.raises(UsageError, match=r"would take .* GiB") as caught:
        simulator(asked)
    assert "[record] every = " in caught.value.hint
