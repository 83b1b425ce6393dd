"""The CUDA engine's own ways with layers other than dense ones, in the simulator or on a GPU.

tests/backends/test_layers.py runs every layer in the way that is chosen for it. Here the other ways
run mixtures of layers, with tiles and parts of sums that do not fit the shapes.
"""

from dataclasses import replace

import pytest
import support
from support import (
    Activation,
    BatchNorm,
    Concatenation,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    Pool,
    Residual,
)

from neurosim.backends.cuda import fields, strategy
from neurosim.backends.cuda.backend import CudaBackend
from neurosim.backends.cuda.fields import Terms
from neurosim.backends.cuda.generation import activations_of, generate
from neurosim.backends.cuda.layout import build_table
from neurosim.backends.cuda.modules import load_kernels
from neurosim.backends.cuda.strategy import Strategy, choose_strategy
from neurosim.backends.select import make_small_ensemble
from neurosim.errors import BackendError, DataError

CCE = "categorical_cross_entropy"
BEFORE_ANYTHING_LEARNS = [Pool("max", (1, 2)), Dropout(0.3), Activation("tanh"), Residual((Dropout(0.3),)), Flatten()]
# Where two numbers are normalized they become -1 and 1, whatever they are: three channels at the least.
MAPS = {
    "convolution": (3, [Conv2d(2, (2, 2), "tanh"), Dropout(0.3), Flatten(), Dense(2, "softmax")], CCE, {}),
    "padded, in steps": (
        4,
        [
            Conv2d(2, (2, 3), "relu", padding="same", l1=0.01, l2=0.1),
            Conv2d(3, (1, 2), stride=(2, 1), padding="same", bias=False),
            GlobalAvgPool(),
            Activation("softmax"),
        ],
        CCE,
        {"clip_norm": 0.05},
    ),
    "pools": (
        4,
        [
            Conv2d(2, (1, 1)),
            Pool("avg", (2, 2), (1, 1)),
            Pool("max", (2, 3), (2, 1), "same"),
            Pool("max", (1, 1), (2, 2)),
            Flatten(),
            Dense(1),
        ],
        "mse",
        {},
    ),
    "apart, in groups": (
        4,
        [
            Conv2d(4, (1, 1)),
            Conv2d(6, (2, 3), "tanh", (2, 1), [1, 0, 2, 1], dilation=(1, 2), groups=2),
            Conv2d(6, (2, 1), "relu", padding=1, groups=6, bias=False),
            Pool("max", (2, 2), (1, 2), 1, ceil=True, dilation=(2, 1)),
            Pool("avg", (2, 2), (2, 3), 1, ceil=True, count_padding=True),
            GlobalAvgPool(),
            Activation("softmax"),
        ],
        CCE,
        {},
    ),
    "nothing learns at first": (2, [*BEFORE_ANYTHING_LEARNS, Dense(1)], "mse", {}),
    "normalized": (
        3,
        [BatchNorm(), Conv2d(3, (2, 2), padding="same", bias=False), BatchNorm(0.3), LayerNorm(), Flatten(), Dense(1)],
        "mse",
        {"clip_value": 0.02},
    ),
    "residual": (
        2,
        [
            Residual((Conv2d(2, (2, 2), "tanh", padding="same"), BatchNorm())),
            Residual((Conv2d(1, (2, 2), stride=(2, 2), padding="same"),)),
            Concatenation(((), (BatchNorm(), Conv2d(1, (1, 1), "tanh")))),
            Flatten(),
            Dense(2),
        ],
        "mse",
        {"clip_norm": 0.3},
    ),
}
VECTORS = {
    "normalized": (
        3,
        [Dense(4, bias=False), BatchNorm(), Activation("relu"), LayerNorm(), Dense(3, "softmax"), Dropout(0.2)],
        "mse",
        {"clip_value": 0.02},
    ),
    "residual": (
        3,
        [
            Residual((Dropout(0.3), Dense(3, "tanh"))),
            Dense(4, "softmax"),
            Residual((Dropout(0.2), Residual((BatchNorm(), Dense(4, "tanh"), Dropout(0.1))), LayerNorm())),
            Residual((Dense(2, l2=0.1),), (Dense(2, "tanh"), BatchNorm())),
        ],
        "mse",
        {"clip_norm": 0.2},
    ),
}
RUNS = [
    *[pytest.param(MAPS[name], Strategy.SEPARATE, id=f"maps, {name}, separate") for name in MAPS],
    pytest.param(MAPS["residual"], Strategy.PERSISTENT, id="maps, residual, persistent"),
    *[pytest.param(VECTORS["residual"], way, id=f"vectors, residual, {way.value}") for way in Strategy],
    pytest.param(VECTORS["normalized"], Strategy.PERSISTENT, id="vectors, normalized, persistent"),
]


def make(case, way, **settings):
    size, layers, loss, how = case
    net = support.network((size, size, 1) if case in MAPS.values() else size, layers, loss)
    training = support.training("sgd", batch=3, shuffle=True, **how)
    return net, training, CudaBackend(net, training, 3, strategy=way, **settings)


def with_few_blocks(blocks):
    return replace(strategy.sizes(), most_blocks=blocks)


@pytest.mark.parametrize(("case", "way"), RUNS)
def test_every_way_trains_as_the_reference_does(case, way):
    """An epoch with an incomplete batch at its end, shuffled, with dropout."""
    net, training, bench = make(case, way)
    rows = support.rows(7, net.inputs, net.outputs)
    reference = support.REFERENCE.make(net, training, 3)
    found, expected = bench.train_epoch(rows, 0), reference.train_epoch(rows, 0)
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    assert found.correct == expected.correct
    errors = support.array_errors(net, bench.parameters, reference.parameters)
    assert max(errors.values()) < 1e-5, errors
    if net.statistics:
        assert support.error(bench.statistics, reference.statistics) < 1e-5
    assert support.error(bench.forward(rows.features), reference.forward(rows.features)) < 1e-5


@pytest.mark.parametrize("name", ["normalized", "residual"])
def test_the_bits_do_not_depend_on_the_number_of_blocks(name):
    found = []
    for blocks in (1, 3):
        net, _, bench = make(MAPS[name], Strategy.SEPARATE, given_sizes=with_few_blocks(blocks))
        bench.train_step(support.rows(3, net.inputs, net.outputs))
        found.append((bench.parameters.tobytes(), bench.statistics.tobytes()))
    assert found[0] == found[1]


def test_how_sums_are_cut_changes_no_more_than_rounding():
    """Long sums in one part, and in parts of a single term."""
    net, training, _ = make(MAPS["residual"], Strategy.SEPARATE)
    rows = support.rows(3, net.inputs, net.outputs)
    expected = support.REFERENCE.make(net, training, 3).gradients(rows)[1]
    for terms in (Terms(), Terms(channel=1, norm=1)):
        sizes = replace(strategy.sizes(), terms=terms)
        bench = CudaBackend(net, training, 3, strategy=Strategy.SEPARATE, given_sizes=sizes)
        errors = support.array_errors(net, bench.gradients(rows)[1], expected)
        assert max(errors.values()) < 1e-5, errors


def test_statistics_live_on_the_gpu_and_can_be_written_to():
    net, training, bench = make(VECTORS["normalized"], Strategy.SINGLE_BLOCK)
    rows = support.rows(7, net.inputs, net.outputs)
    reference = support.REFERENCE.make(net, training, 3)
    for each in (bench, reference):
        each.train_epoch(rows, 0)
        each.statistics[:] = 0.5 * each.statistics
        each.train_epoch(rows, 1)
    assert support.error(bench.statistics, reference.statistics) < 1e-5


def test_a_gradient_whose_squares_are_beyond_float32_is_bounded_too():
    net = support.network(2, [Dense(2, "identity")], "mse")
    training = support.training("sgd", batch=4, clip_norm=1.0)
    rows = support.rows(4, 2, 2, spread=1e13)
    bench, reference = CudaBackend(net, training, 3), support.REFERENCE.make(net, training, 3)
    for each in (bench, reference):
        each.train_step(rows)
    assert support.error(bench.parameters, reference.parameters) < 1e-5


def test_evaluation_takes_no_more_rows_at_a_time_than_there_is_room_for():
    """Two, and the last one alone."""
    net, training, bench = make(MAPS["convolution"], Strategy.SEPARATE)
    row = build_table(net, 1, activations_of(net), judge=0).work
    few = CudaBackend(net, training, 3, given_sizes=replace(strategy.sizes(), evaluation_numbers=2 * row + 1))
    features = support.rows(5, net.inputs, net.outputs).features
    assert few.forward(features).tobytes() == bench.forward(features).tobytes()
    assert {launches.table.capacity for launches in few._launches.values()} == {2}


def test_the_way_is_chosen_by_what_there_is_to_do():
    norms = [Dense(4), BatchNorm(), Residual((Dense(4),)), LayerNorm(), Dense(2)]
    assert choose_strategy(support.network(3, norms)) is Strategy.SINGLE_BLOCK
    lenet = [Conv2d(6, (5, 5)), Pool(), Conv2d(16, (5, 5)), Flatten(), Dense(10)]
    assert choose_strategy(support.network((28, 28, 1), lenet)) is Strategy.PERSISTENT
    assert choose_strategy(support.network((4, 4, 1), [Conv2d(1)])) is Strategy.PERSISTENT
    assert choose_strategy(support.network((4, 4, 1), [Residual((Conv2d(64, (1, 1)),))])) is Strategy.SEPARATE
    assert choose_strategy(support.network(9, [Residual((Dense(2000),))])) is Strategy.SEPARATE


def test_what_is_not_supported_is_refused():
    with pytest.raises(BackendError, match="no convolutions and no pools"):
        make(MAPS["pools"], Strategy.SINGLE_BLOCK)
    with pytest.raises(BackendError, match="nothing to compute"):
        build_table(support.network((2, 2, 1), [Flatten()]), 4, [], judge=0)
    net = support.network((64, 64, 1), [Conv2d(64, padding="same")])
    with pytest.raises(DataError, match=r"a batch of 10,000 rows leaves [\d,]+ numbers behind"):
        build_table(net, 10_000, activations_of(net), judge=0)


def test_networks_with_statistics_or_maps_are_trained_one_by_one():
    for case in (VECTORS["normalized"], MAPS["convolution"]):
        net, _, bench = make(case, None)
        assert make_small_ensemble(bench, [1, 2], [support.rows(4, net.inputs, net.outputs)]) is None


def test_kernels_and_tables_number_things_alike():
    """The kernel files have the names of fields.py, all of them, with the same numbers."""
    net, training, bench = make(MAPS["normalized"], Strategy.SEPARATE)
    module = load_kernels(net, training, bench._sizes.separate, "separate")
    for numbers in (fields.Kind, fields.Field, fields.Statistic, fields.LossField, fields.Number, fields.Phase):
        for entry in numbers:
            name = "LOSS_PARAMS" if entry is fields.LossField.PARAMS else entry.name
            assert getattr(module, name) == entry, entry
    assert len(fields.Statistic) == module.KEPT


@pytest.mark.parametrize(
    ("layers", "there", "not_there"),
    [
        ([Dense(2), Dropout(0.1)], [], ["activate_alone", "normalize", "convolve"]),
        ([Dense(2), Residual((Dense(2),))], ["activate_alone"], ["normalize", "convolve"]),
        ([Residual((LayerNorm(),)), Dense(2)], ["activate_alone", "normalize"], ["convolve"]),
    ],
)
def test_a_network_is_compiled_with_what_it_needs(layers, there, not_there):
    optimizer = support.BUILTINS.optimizers.get("sgd")
    text = generate(support.network(3, layers), optimizer, strategy.ON_GPU.separate, "separate").text
    for name in there:
        assert f"def {name}(" in text
    for name in not_there:
        assert f"def {name}(" not in text
