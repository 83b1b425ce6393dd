"""What a sweep tries: lists, ranges, grids, and points that are drawn."""

import pytest

from neurosim.errors import UsageError
from neurosim.scenario.varied import parse_over
from neurosim.sweeps.space import points


def tried(*texts, **search):
    return points([parse_over(text) for text in texts], **search)


def test_lists_have_values_of_toml_or_words():
    assert tried("a.b=1,2.5,true") == [{"a.b": 1}, {"a.b": 2.5}, {"a.b": True}]
    assert tried("optimizer.name=sgd, adam") == [{"optimizer.name": "sgd"}, {"optimizer.name": "adam"}]
    assert tried("a=[1,2],[3]") == [{"a": [1, 2]}, {"a": [3]}]
    assert tried("a=4,4") == [{"a": 4}]


def test_ranges_have_exact_ends():
    assert [point["a"] for point in tried("a=log(1e-4,1,5)")] == [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    assert [point["a"] for point in tried("a=lin(0,0.3,4)")] == [0.0, 0.1, 0.2, 0.3]
    assert [point["a"] for point in tried("a=int(1,10,4)")] == [1, 4, 7, 10]


def test_a_grid_has_all_combinations():
    assert tried("a=1,2", "b=x,y") == [{"a": a, "b": b} for a in (1, 2) for b in "xy"]
    assert tried() == [{}]


@pytest.mark.parametrize("search", ["random", "sobol"])
def test_points_that_are_drawn_are_the_same_again_and_begin_with_the_fewer(search):
    texts = ("a=log(1e-3,1)", "b=int(1,3)", "c=x,y")
    many = tried(*texts, search=search, count=64)
    assert tried(*texts, search=search, count=10) == many[:10]
    assert all(1e-3 <= point["a"] <= 1 for point in many)
    assert {point["b"] for point in many} == {1, 2, 3}
    assert {point["c"] for point in many} == {"x", "y"}
    # Half of them lie below the middle of the powers of ten.
    assert 24 <= sum(point["a"] < 10**-1.5 for point in many) <= 40


@pytest.mark.parametrize(
    ("texts", "search", "words"),
    [
        (["lr"], {}, "expected KEY.PATH=VALUES"),
        (["a="], {}, "expected KEY.PATH=VALUES"),
        (["a=log(0,1,3)"], {}, "log needs ends above 0"),
        (["a=lin(2,1,3)"], {}, "the first end must be less than the second"),
        (["a=lin(1,x,3)"], {}, "lin takes two ends"),
        (["a=int(1,2.5,3)"], {}, "whole numbers"),
        (["a=lin(1,2,1)"], {}, "a whole number from 2 on"),
        (["a=lin(1,2)"], {}, "a grid needs to know how many values"),
        (["a=1,,2"], {}, "a value is missing between two commas"),
        (["a=1", "a=2"], {}, "given twice"),
        (["scenario.seed=1,2"], {}, "seeds are a dimension of their own"),
        (["a=lin(1,2,3)"], {"search": "random", "count": 3}, "come from the whole range"),
        ([], {"search": "sobol", "count": 3}, "no setting is varied"),
        (["a=int(1,2000,2000)", "b=int(1,2000,2000)"], {}, "the grid has 4,000,000 points"),
    ],
)
def test_what_is_wrong_is_said(texts, search, words):
    with pytest.raises(UsageError, match=words.replace("(", r"\(")):
        tried(*texts, **search)
