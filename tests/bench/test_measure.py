"""Clocks, rounds and medians."""

import pytest

from neurosim.bench.measure import Timing, Work, interleaved


class Clock:
    """A clock that only moves when told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def taking(self, *seconds):
        """Work that takes so long, each time it is run."""
        left = list(seconds)

        def run():
            self.now += left.pop(0)

        return run


def test_median_and_spread():
    timing = Timing((3.0, 1.0, 2.0))
    assert (timing.median, timing.fastest, timing.spread) == (2.0, 1.0, 0.5)
    assert timing.per(4).seconds == (0.75, 0.25, 0.5)
    assert timing.per(4).spread == 0.5
    assert Timing((1.0,)).spread == 0.0
    assert Timing((1.0, 2.0)).median == 1.5


def test_works_take_turns():
    clock, order = Clock(), []
    works = {name: Work(lambda name=name: order.append(name)) for name in "ab"}
    rounds = []
    interleaved(works, 3, clock, rounds.append)
    assert "".join(order) == "ababab"
    assert rounds == [1, 2, 3]


def test_times_are_those_of_the_clock():
    clock = Clock()
    works = {"slow": Work(clock.taking(8.0, 16.0, 4.0)), "quick": Work(clock.taking(1.0, 1.0, 2.0))}
    found = interleaved(works, 3, clock)
    assert found == {"slow": Timing((8.0, 16.0, 4.0)), "quick": Timing((1.0, 1.0, 2.0))}


def test_repeats_are_divided_out_and_resets_are_not_counted():
    clock = Clock()
    work = Work(clock.taking(1.0, 3.0, 2.0, 2.0), reset=clock.taking(50.0, 50.0), repeats=2)
    assert interleaved({"work": work}, 2, clock) == {"work": Timing((2.0, 2.0))}


def test_long_work_takes_part_now_and_then():
    clock = Clock()
    found = interleaved(
        {"long": Work(clock.taking(9.0, 8.0), every=3), "short": Work(clock.taking(*[1.0] * 6))}, 6, clock
    )
    assert found["long"].seconds == (9.0, 8.0)
    assert len(found["short"].seconds) == 6


@pytest.mark.parametrize(("budget", "rounds"), [(0.0, 4), (4.5, 5), (99.0, 7)])
def test_no_round_begins_after_the_budget(budget, rounds):
    clock = Clock()
    found = interleaved({"work": Work(clock.taking(*[1.0] * 7))}, 7, clock, budget=budget)
    assert len(found["work"].seconds) == rounds
