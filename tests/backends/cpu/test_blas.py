"""The BLAS has one thread as long as any network needs that, whatever the order in which they begin and end."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import permutations

import pytest

from neurosim.backends.cpu import blas


def threads():
    return {library.num_threads for library in blas.libraries().lib_controllers}


@pytest.fixture
def two_threads():
    with blas.libraries().limit(limits=2):
        if threads() != {2}:
            pytest.skip("this BLAS has one thread")
        yield


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_last_network_to_end_gives_the_threads_back(two_threads, order):
    networks = [ExitStack() for _ in order]
    # Each network has a thread of its own: some versions of threadpoolctl listen to the first one only.
    with ExitStack() as stack:
        pools = [stack.enter_context(ThreadPoolExecutor(1)) for _ in order]
        for pool, network in zip(pools, networks, strict=True):
            pool.submit(network.enter_context, blas.single_threaded(True)).result()
            assert threads() == {1}
        for place, number in enumerate(order):
            assert threads() == {1}, place
            pools[number].submit(networks[number].close).result()
        assert threads() == {2}


def test_a_network_without_products_changes_nothing(two_threads):
    with blas.single_threaded(False):
        assert threads() == {2}
