"""Where the kit looks: domains, widths of rows and kinks that a record declares; and one finding for one mistake."""

import math

import numpy as np
import pytest
from kit import COMPILED, UNCOMPILED, failed, only_failure, verdict

from neurosim.errors import PluginError, UsageError
from neurosim.plugin import (
    Activation,
    Dataset,
    Every,
    FeedbackSchedule,
    FromLogits,
    Initializer,
    Loss,
    Optimizer,
    RowActivation,
    Schedule,
    Table,
)
from neurosim.testing import check


def logarithm(z):
    return math.log(z)


def triangle(z):
    return abs(z - 2.0 * math.floor(0.5 * z + 0.5))


def arc(z):
    return math.asin(z)


# Domains ----------------------------------------------------------------------------------------------------


def test_a_formula_without_a_domain_is_told_which_it_has():
    assert "declare domain=(0.0, math.inf)" in only_failure(Activation("log", logarithm), "range", UNCOMPILED)
    assert "declare domain=(-1.0, 1.0)" in only_failure(Activation("arc", arc), "range", UNCOMPILED)


@pytest.mark.parametrize(
    ("formula", "domain", "reach"),
    [
        (logarithm, (0.0, math.inf), "finite from 1e-06 to 10000 in float64"),
        (arc, (-1.0, 1.0), "finite from -0.999999 to 0.999999 in float64"),
    ],
)
def test_a_formula_is_checked_in_its_domain(formula, domain, reach):
    record = Activation("formula", formula, domain=domain)
    assert not failed(record, COMPILED)
    assert reach in verdict(record, "range").detail


def test_a_wrong_derivative_is_found_in_a_domain_far_from_0():
    def root(z):
        return math.sqrt(z - 100.0)

    def slope(z, a):
        return 1.0 / a

    right = Activation("root", root, domain=(100.0, math.inf))
    assert not failed(right, UNCOMPILED)
    wrong = Activation("root", root, slope, domain=(100.0, math.inf))
    assert "df(1" in only_failure(wrong, "derivative", UNCOMPILED)


def shares(z, a):
    total = 0.0
    for k in range(len(z)):
        total += z[k]
    for k in range(len(z)):
        a[k] = z[k] / total


def shares_backward(z, a, da, dz):
    total = 0.0
    weighted = 0.0
    for k in range(len(z)):
        total += z[k]
        weighted += a[k] * da[k]
    for k in range(len(z)):
        dz[k] = (da[k] - weighted) / total


def test_rows_are_drawn_from_the_domain():
    # Between numbers above 0 and below it, the sum may be 0.
    assert not failed(RowActivation("shares", shares, shares_backward, domain=(0.0, math.inf)), UNCOMPILED)


def test_a_loss_is_checked_for_the_outputs_that_it_declares():
    def likelihood(a, y):
        return -math.log(1.0 + a[0] * y[0])

    record = Loss("likelihood", likelihood, domain=(-0.5, 0.5), widths=(1,))
    assert not failed(record, UNCOMPILED)
    assert "for outputs between -0.5 and 0.5" in verdict(record, "gradient").detail
    assert "finite for outputs from -0.5 to 0.5" in verdict(record, "range").detail


@pytest.mark.parametrize("domain", [(1.0, 0.0), (0.0, 0.0), (0.0,), 0.0, ("a", "b"), (math.nan, 1.0)])
@pytest.mark.parametrize("make", [Activation, lambda name, f, **given: Loss(name, lambda a, y: 0.0, **given)])
def test_what_is_no_domain(make, domain):
    with pytest.raises(PluginError, match="domain must be two numbers, the lower one first") as caught:
        make("mine", logarithm, domain=domain)
    assert "domain=(0.0, math.inf)" in caught.value.hint


# Widths -----------------------------------------------------------------------------------------------------


def pairs(z, a):
    for k in range(0, len(z), 2):
        a[k] = z[k] * z[k + 1]
        a[k + 1] = z[k] + z[k + 1]


def pairs_backward(z, a, da, dz):
    for k in range(0, len(z), 2):
        dz[k] = da[k] * z[k + 1] + da[k + 1]
        dz[k + 1] = da[k] * z[k] + da[k + 1]


def test_rows_have_the_declared_widths():
    record = RowActivation("pairs", pairs, pairs_backward, widths=[2, 4])
    assert not failed(record, COMPILED)
    assert "rows of 2, 4;" in verdict(record, "derivative").detail


def test_a_loss_of_two_outputs():
    def distance(a, y):
        return (a[0] - y[0]) ** 2 + (a[1] - y[1]) ** 2

    found = only_failure(Loss("distance", distance), "formula", UNCOMPILED)
    assert "a[1] is outside the row: it has one entry, a[0]" in found
    assert not failed(Loss("distance", distance, widths=(2,)), UNCOMPILED)


@pytest.mark.parametrize("widths", [3, (0,), (2.0,), ("2",)])
def test_what_are_no_widths(widths):
    with pytest.raises(PluginError, match="widths must be a tuple of whole numbers from 1 on"):
        RowActivation("pairs", pairs, pairs_backward, widths=widths)


# Kinks ------------------------------------------------------------------------------------------------------


def test_kinks_at_regular_distances_are_recognized():
    def rounded(z):
        return math.floor(z)

    assert "declare kinks=Every(1.0)" in only_failure(Activation("rounded", rounded), "derivative", UNCOMPILED)

    def sawtooth(z):
        return z - math.floor(z + 0.5)

    detail = only_failure(Activation("sawtooth", sawtooth), "derivative", UNCOMPILED)
    assert "declare kinks=Every(1.0, 0.5)" in detail


def test_kinks_at_regular_distances_are_stepped_around():
    def narrow(z):
        return triangle(10.0 * z)

    for formula, kinks in ((triangle, Every(1.0)), (triangle, (Every(2.0), Every(2, 1))), (narrow, [Every(0.1)])):
        record = Activation("formula", formula, kinks=kinks)
        assert not failed(record, UNCOMPILED)
    assert "away from kinks at all multiples of 0.1" in verdict(record, "derivative").detail


def test_kinks_in_a_range():
    record = Activation("formula", triangle, kinks=(0.25, Every(1.0, 0.5), 7.0))
    assert record.kinks_within(-1.0, 2.5) == (-0.5, 0.25, 0.5, 1.5, 2.5)


@pytest.mark.parametrize("kinks", ["0", (None,), (math.inf,)])
def test_what_are_no_kinks(kinks):
    with pytest.raises(PluginError, match="kinks must be a tuple of numbers") as caught:
        Activation("formula", triangle, kinks=kinks)
    assert "kinks=Every(1.0) for a kink at every whole number" in caught.value.hint


@pytest.mark.parametrize("arguments", [(0.0,), (-1.0,), (0.001,), (math.nan,), (1.0, math.inf), ("1",)])
def test_what_is_no_distance(arguments):
    with pytest.raises(PluginError, match=r"the step must be a number from 0\.01 on"):
        Every(*arguments)


# One finding for one mistake --------------------------------------------------------------------------------


def reciprocal(z, a):
    return 1.0 / z


def never(z):
    return math.sqrt(-1.0 - z * z)


def half_a_row(z, a):
    a[0] = z[0]


def half_a_gradient(z, a, da, dz):
    dz[0] = da[0]


def squares(a, y):
    total = 0.0
    for k in range(len(a)):
        total += (a[k] - y[k]) ** 2
    return total


def half_a_slope(a, y, da):
    da[0] = 2.0 * (a[0] - y[0])


def no_slope(a, y, da):
    for k in range(len(a)):
        da[k] = a[k]


def through(z, a, y):
    return squares(z, y)


def through_gradient(z, a, y, dz):
    for k in range(len(a)):
        dz[k] = 2.0 * (z[k] - y[k])


def blows_up(w, g, t, lr):
    return w - lr * g / (g * 0.0)


def forgets(w, g, m, t, lr):
    return w - lr * g


def table(features):
    return Table(features, np.arange(len(features)) % 2, classes=("a", "b"))


NAN = math.nan
ONE_MISTAKE = {
    "a slope that is infinite": (Activation("x", arc, reciprocal, domain=(-1, 1)), "derivative"),
    "no value anywhere": (Activation("x", never), "derivative"),
    "a row that is not filled": (RowActivation("x", half_a_row, half_a_gradient), "formula"),
    "a gradient that is not filled": (Loss("x", squares, half_a_slope), "formula"),
    "a gradient that is wrong, and a right pair": (
        Loss("x", squares, no_slope, from_logits=(FromLogits("identity", through, through_gradient),)),
        "gradient",
    ),
    "weights that are NaN": (Optimizer("x", blows_up, params={"lr": 0.1}), "state"),
    "a slot that is not returned": (Optimizer("x", forgets, slots=("m",), params={"lr": 0.1}), "formula"),
    "an initializer that raises": (Initializer("x", lambda random, shape, fan_in, fan_out: random.gauss()), "shape"),
    "an initializer that returns nothing": (Initializer("x", lambda random, shape, fan_in, fan_out: None), "shape"),
    "initial weights that are NaN": (
        Initializer("x", lambda random, shape, fan_in, fan_out: random.normal(0.0, NAN, shape)),
        "values",
    ),
    "a schedule that returns text": (Schedule("x", lambda step, steps: "half"), "factors"),
    "a schedule that returns nothing": (Schedule("x", lambda step, steps: None), "factors"),
    "feedback that is NaN": (FeedbackSchedule("x", lambda losses: NAN), "factors"),
    "feedback that raises": (FeedbackSchedule("x", lambda losses: losses[-1]), "factors"),
    "rows that are NaN": (Dataset("x", lambda request: table(np.full((6, 2), NAN, np.float32))), "table"),
}


@pytest.mark.parametrize("name", ONE_MISTAKE)
def test_one_mistake_is_one_finding(name):
    record, item = ONE_MISTAKE[name]
    only_failure(record, item, COMPILED)


def test_what_follows_from_a_failure_says_from_which():
    record = Optimizer("x", blows_up, params={"lr": 0.1})
    found = verdict(record, "determinism")
    assert (found.outcome, found.detail) == ("skipped", "comes after state, which has to be right first")


def test_two_mistakes_are_two_findings():
    def exponential(z):
        return math.exp(z)

    def wrong(z, a):
        return 2.0 * a

    assert set(failed(Activation("x", exponential, wrong), UNCOMPILED)) == {"derivative", "range"}


def test_numbers_that_are_not_set_are_named():
    record = RowActivation("x", half_a_row, half_a_gradient)
    assert "in half_a_row: a[1] is not set, or is read before it is, in a row of 2" in failed(record)["formula"]
    record = Loss("x", squares, half_a_slope)
    assert "in half_a_slope: da[1] is not set" in failed(record)["formula"]


# Options of data sets ---------------------------------------------------------------------------------------


def from_file(request, file, scale):
    rows = np.loadtxt(request.file(file), delimiter=",", dtype=np.float32)
    return table(scale * rows)


FROM_FILE = Dataset("from_file", from_file, options={"file": None, "scale": 1.0})


def test_required_options_can_be_given(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("1,2\n3,4\n5,6\n")
    options = {"file": str(path), "scale": 2}
    assert not failed(FROM_FILE, UNCOMPILED, options=options)
    assert verdict(FROM_FILE, "load", options=options).detail == "3 rows, 2 classes"


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"fil": "rows.csv"}, 'unknown option of a data set "fil"', 'did you mean "file"?'),
        ({"file": "rows.csv", "scale": "two"}, "scale = 'two': this option of the data set from_file is a float", ""),
    ],
)
def test_options_that_a_data_set_does_not_take(options, message, hint):
    with pytest.raises(UsageError) as caught:
        check(FROM_FILE, options=options)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_file_that_was_given_must_be_there(tmp_path):
    found = failed(FROM_FILE, UNCOMPILED, options={"file": str(tmp_path / "gone.csv")})
    assert "gone.csv" in found["load"]
