"""The threads of small networks: how many, and what of a network is in shared memory."""

import pytest
import support
from support import BatchNorm, Dense, Frozen

from neurosim.backends.cuda.strategy import ON_GPU
from neurosim.backends.cuda.teams import team_for

DIGITS = support.network(64, [Dense(32, "relu"), Dense(10, "softmax")])
XOR = support.network(2, [Dense(4, "tanh"), Dense(1, "sigmoid")], "binary_cross_entropy")


def team(network, batch, rows):
    training = support.training("adam", batch=batch, shuffle=True)
    return team_for(network, training, batch, rows, 0, ON_GPU.single_block, ON_GPU.terms)


def test_networks_with_little_work_share_a_warp():
    found = team(XOR, 4, 4)
    assert (found.threads, found.networks, found.block) == (8, 4, 32)
    assert found.here == {"work": found.table.work, "weights": 17, "state": 17, "order": 4, "measures": 4}
    # Two slots, and two measures of a row.
    assert found.shared == 4 * 4 * (found.table.work + 17 + 2 * 17 + 4 + 2 * 4)


def test_with_more_work_a_network_has_more_threads_and_with_more_numbers_less_is_in_shared_memory():
    found = team(DIGITS, 32, 1600)
    assert (found.threads, found.networks) == (256, 1)
    assert [name for name, length in found.here.items() if length] == ["work", "weights", "order"]
    assert found.shared <= ON_GPU.single_block.shared
    assert not any(team(DIGITS, 512, 100_000).here[name] for name in ("work", "order", "measures"))


@pytest.mark.parametrize(("rows", "batch", "whole"), [(12, 4, True), (13, 4, False), (3, 4, True)])
def test_the_rows_of_a_batch_are_constant_where_all_have_as_many(rows, batch, whole):
    found = team(XOR, batch, rows)
    assert (found.batch, found.whole) == (min(batch, rows), whole)


def test_folds_that_differ_by_a_row_have_the_same_kernel():
    assert team(DIGITS, 32, 1437).text() == team(DIGITS, 32, 1438).text() != team(DIGITS, 16, 1438).text()


def test_steps_of_dense_layers_alone_are_a_straight_line():
    assert team(XOR, 4, 4).straight
    assert not team(support.network(3, [Dense(4), BatchNorm(), Dense(1)], "mse"), 4, 4).straight
    assert not team(support.network(3, [Dense(4) for _ in range(20)], "mse"), 4, 4).straight


def test_frozen_layers_have_no_place_in_the_line():
    found = team(support.network(2, [Frozen(Dense(4)), Dense(1)], "mse"), 4, 4)
    assert found.straight
    assert [s for s in range(2) if f"learn_dense(net, data, {s}," in found.text()] == [1]
