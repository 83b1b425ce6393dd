"""Checkpoints and models that are damaged anywhere, by a flipped bit or a cut, are never taken for whole."""

import random

import pytest
from sizes import sizes

import neurosim
from neurosim.errors import DataError
from neurosim.runs.checkpoint import load_checkpoint, save_checkpoint
from neurosim.runs.model import model_bytes
from neurosim.training.simulator import Simulator


def flip(content, damage):
    place, bit = damage.randrange(len(content)), damage.randrange(8)
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def cut(content, damage):
    return content[: damage.randrange(len(content))]


def lengthen(content, damage):
    return content + damage.randbytes(damage.randrange(1, 20))


def lose_a_piece(content, damage):
    start = damage.randrange(len(content) - 1)
    return content[:start] + content[start + damage.randrange(1, 600) :]


def blank_a_sector(content, damage):
    """What a disk does that has not written all of it."""
    start = damage.randrange(len(content)) // 512 * 512
    return content[:start] + bytes(len(content[start : start + 512])) + content[start + 512 :]


def swap(content, damage):
    first, second = sorted(damage.sample(range(len(content) // 64), 2))
    pieces = [content[place : place + 64] for place in range(0, len(content), 64)]
    pieces[first], pieces[second] = pieces[second], pieces[first]
    return b"".join(pieces)


WAYS = (flip, cut, flip, lengthen, flip, lose_a_piece, flip, blank_a_sector, flip, swap)


@pytest.fixture(params=["checkpoint", "model"])
def stored(request, tmp_path):
    """A file as it was written, and the function that reads it."""
    simulator = Simulator(neurosim.load_scenario("xor"))
    simulator.train_epoch()
    if request.param == "checkpoint":
        path = save_checkpoint(tmp_path, simulator)
        return path, lambda: load_checkpoint(path, simulator)
    path = tmp_path / "model.safetensors"
    path.write_bytes(model_bytes(simulator))
    return path, lambda: neurosim.load_model(path)


def fault_of(read):
    """The message that reading ends with; empty where it does not fail."""
    try:
        read()
    except DataError as error:
        return error.message
    return ""


@sizes(short=300, full=10_000)
def test_every_damage_is_noticed(count, stored):
    path, read = stored
    content = path.read_bytes()
    damage = random.Random(3)
    tried = 0
    for number in range(count):
        way = WAYS[number % len(WAYS)]
        broken = way(content, damage)
        if broken == content:  # two equal pieces swapped
            continue
        tried += 1
        path.write_bytes(broken)
        assert f"{path.name} is not a readable" in fault_of(read), f"{way.__name__}, number {number}"
    path.write_bytes(content)
    read()
    print(f"{tried} damaged files, all noticed")
    assert tried >= 0.99 * count
