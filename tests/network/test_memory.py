"""What training takes, counted by hand, and machines that have less."""

import pytest
import support

from neurosim.errors import BackendError
from neurosim.network import memory
from neurosim.network.memory import check_memory, machine_memory, training_memory

# 5 * 7 + 7 + 7 * 3 + 3 numbers to learn.
NETWORK = support.network(5, [support.Dense(7, "tanh"), support.Dropout(0.5), support.Dense(3)])
LEARNED = 66


@pytest.mark.parametrize(("optimizer", "slots"), [("sgd", 1), ("adam", 2)])
@pytest.mark.parametrize(("batch", "rows", "at_once"), [(8, 100, 8), (10**9, 100, 100)])
def test_training_memory(optimizer, slots, batch, rows, at_once):
    found = training_memory(NETWORK, support.training(optimizer, batch=batch), rows)
    assert (found.parameters, found.gradient, found.optimizer) == (4 * LEARNED, 4 * LEARNED, 4 * LEARNED * slots)
    assert found.outputs == 4 * at_once * (7 + 7 + 3)
    assert found.total == 4 * (LEARNED * (2 + slots) + at_once * 17)


def test_statistics_count_and_flatten_does_not():
    layers = [support.Flatten(), support.BatchNorm(), support.Dense(1)]
    found = training_memory(support.network((2, 2, 1), layers), support.training("sgd", batch=1), 1)
    assert found.parameters == 4 * (4 + 4 + 4 + 1) + 4 * (4 + 4)
    assert found.outputs == 4 * (4 + 1)


def test_a_machine_with_less_refuses_and_says_what_takes_how_much(monkeypatch):
    training = support.training("adam", batch=100)
    # With the targets: 100 rows of 3 values.
    needed = training_memory(NETWORK, training, 100).total + 4 * 300
    monkeypatch.setattr(memory, "machine_memory", lambda: needed)
    check_memory(NETWORK, training, 100)
    monkeypatch.setattr(memory, "machine_memory", lambda: needed - 1)
    with pytest.raises(BackendError) as caught:
        check_memory(NETWORK, training, 100)
    assert caught.value.message.startswith(
        "training takes at least 8.84 KiB of memory, and this machine has 8.84 KiB: "
    )
    assert "264 B for 66 parameters" in caught.value.message
    assert "1.17 KiB for the targets" in caught.value.message
    monkeypatch.setattr(memory, "machine_memory", lambda: None)
    check_memory(NETWORK, training, 100)


@pytest.mark.parametrize(("limit", "found"), [("1000\n", 1000), ("max\n", None), (None, None)])
def test_a_container_may_have_less_than_its_machine(tmp_path, monkeypatch, limit, found):
    path = tmp_path / "memory.max"
    if limit is not None:
        path.write_text(limit)
    monkeypatch.setattr(memory, "_CONTAINER_LIMIT", path)
    there = machine_memory()
    assert there == found if found else there is None or there > 1 << 26
