"""Blocks are handed out once each, and nobody waits for a thread that has none of them."""

import numpy as np
import pytest

from neurosim.backends.cpu import team
from neurosim.backends.cpu.jit import entry
from neurosim.backends.cpu.memory import address_of
from neurosim.backends.cpu.table import CONTEXT, PHASE

PHASES = 200


@entry
def share(words, context, seen, failures):
    """Count each block of each phase; a phase's blocks are those of the one before, and one more or fewer."""
    team_address = address_of(words)
    for phase in range(seen.shape[0]):
        blocks = 1 + phase % seen.shape[1]
        q = team.next_block(team_address, context, -1, blocks)
        while q >= 0:
            seen[phase, q] += 1
            # All of the phase before must be there.
            before = 1 + (phase - 1) % seen.shape[1]
            if phase > 0 and seen[phase - 1, :before].sum() != before:
                failures[0] += 1
            q = team.next_block(team_address, context, q, blocks)


def expected(most):
    return np.array([[block <= phase % most for block in range(most)] for phase in range(PHASES)], np.int64)


def prepared(threads, most):
    words, contexts = team.team_words(threads), np.zeros((threads, 16), np.int64)
    for thread, context in enumerate(contexts):
        team.join(context, thread, threads)
    seen, failures = np.zeros((PHASES, most), np.int64), np.zeros(1, np.int64)
    share(team.team_words(1), np.zeros(16, np.int64), seen[:0], failures)
    return words, contexts, seen, failures


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_block_is_done_once_and_in_its_phase(threads):
    words, contexts, seen, failures = prepared(threads, 7)
    team.run_together(threads, lambda thread, size: share(words, contexts[thread], seen, failures))
    np.testing.assert_array_equal(seen, expected(7))
    assert failures[0] == 0


def test_a_thread_that_comes_late_finds_everything_done():
    words, contexts, seen, failures = prepared(2, 3)
    for context in contexts:
        share(words, context, seen, failures)
    np.testing.assert_array_equal(seen, expected(3))
    # Both have passed through all phases, and left the arguments of kernels alone.
    assert contexts[:, PHASE].tolist() == [PHASES, PHASES]
    assert not contexts[:, :CONTEXT].any()


@entry
def begin(words, context, blocks):
    """A block of the first phase."""
    return team.next_block(address_of(words), context, -1, blocks)


@pytest.mark.parametrize(("thread", "order"), [(0, [0, 2, 4, 1, 3]), (1, [1, 3, 0, 2, 4])])
def test_a_thread_begins_with_its_own_blocks_and_goes_on_with_those_of_others(thread, order):
    words, contexts, _, _ = prepared(2, 5)
    assert [begin(words, contexts[thread], 5) for _ in range(5)] == order
