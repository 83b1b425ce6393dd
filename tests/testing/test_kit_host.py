"""The kit on initializers, schedules and data sets: what is wrong fails its own item."""

from itertools import pairwise

import numpy as np
import pytest
from kit import failed, only_failure, verdict

from neurosim.errors import DataError, PluginError
from neurosim.plugin import Activation, Dataset, FeedbackSchedule, Initializer, Schedule, Table
from neurosim.scenario.schema import DataSection
from neurosim.testing import check

# Initializers -----------------------------------------------------------------------------------------------


def test_a_good_initializer_passes():
    def rule(random, shape, fan_in, fan_out, spread):
        return random.normal(0.0, spread, shape)

    record = Initializer("rule", rule, bias=rule, params={"spread": 0.5})
    assert not failed(record)
    assert "standard deviation 0.5" in verdict(record, "spread").detail


def test_a_wrong_shape():
    def turned(random, shape, fan_in, fan_out):
        return random.uniform(-1.0, 1.0, shape[::-1])

    assert "where an array of shape (200, 100) is requested" in only_failure(Initializer("turned", turned), "shape")


def test_start_values_that_float32_does_not_hold():
    def huge(random, shape, fan_in, fan_out):
        return random.uniform(1e39, 2e39, shape)

    assert "inf among its values in float32" in only_failure(Initializer("huge", huge), "values")


def test_random_numbers_of_its_own():
    generator = np.random.default_rng(1)

    def own(random, shape, fan_in, fan_out):
        return generator.normal(size=shape)

    assert "take random numbers only from the argument" in only_failure(Initializer("own", own), "determinism")


def test_a_constant_is_a_note():
    def ones(random, shape, fan_in, fan_out):
        return np.ones(shape)

    assert verdict(Initializer("ones", ones), "seeds").outcome == "noted"


def test_an_initializer_that_raises():
    def broken(random, shape, fan_in, fan_out):
        return random.gauss(shape)

    found = failed(Initializer("broken", broken))
    assert found["shape"].startswith(f"{__file__}:")
    assert "in broken: AttributeError" in found["shape"]


# Schedules --------------------------------------------------------------------------------------------------


def test_a_good_schedule_passes():
    def falling(step, steps):
        return 1.0 - step / steps

    record = Schedule("falling", falling)
    assert not failed(record)
    assert verdict(record, "course").detail == "1 at the start, 0.5 in the middle, 0.001 at the end of 1000 steps"


@pytest.mark.parametrize(
    ("formula", "fault"),
    [
        (lambda step, steps: 1.0 - step, "at step 2 of 10 is -1"),
        (lambda step, steps: float("nan"), "at step 0 of 1 is nan"),
    ],
)
def test_factors_that_are_no_factors(formula, fault):
    assert fault in only_failure(Schedule("formula", formula), "factors")


def test_a_division_by_zero_in_a_run_of_one_step():
    def careless(step, steps):
        return 1.0 - step / (steps - 1)

    found = failed(Schedule("careless", careless))
    assert "in careless: ZeroDivisionError" in found["factors"]


def test_a_good_schedule_with_feedback_passes():
    def halved_when_worse(losses, floor):
        return max(0.5 ** sum(later > earlier for earlier, later in pairwise(losses)), floor)

    record = FeedbackSchedule("halved", halved_when_worse, params={"floor": 0.125})
    assert not failed(record)
    detail = verdict(record, "course").detail
    assert detail.startswith("1 at the start; 1 after 100 losses that fall, 0.125 after 100 losses that rise")


@pytest.mark.parametrize(
    ("formula", "fault"),
    [
        (lambda losses: 1.0 - 0.1 * len(losses), "after 11 losses that fall is -0.1"),
        (lambda losses: float("nan"), "before the first epoch"),
        (lambda losses: 1.0 / max(losses, default=1.0) if len(losses) != 3 else float("inf"), "after 3 losses"),
    ],
)
def test_feedback_that_gives_no_factors(formula, fault):
    assert fault in failed(FeedbackSchedule("formula", formula))["factors"]


def test_feedback_has_to_follow_from_the_losses():
    calls = []

    def counting(losses):
        calls.append(len(losses))
        return 1.0 / len(calls)

    def emptying(losses):
        losses.clear()
        return 1.0

    assert "keep nothing between calls" in only_failure(FeedbackSchedule("counting", counting), "determinism")
    assert "changes the list" in only_failure(FeedbackSchedule("emptying", emptying), "determinism")


def test_feedback_that_needs_a_loss():
    def careless(losses):
        return 0.5 if losses[-1] > 1.0 else 1.0

    assert "in careless: IndexError" in failed(FeedbackSchedule("careless", careless))["factors"]


# Data sets --------------------------------------------------------------------------------------------------


def table(points):
    return Table(points.astype(np.float32), np.arange(len(points)) % 2, classes=("a", "b"))


def test_a_good_data_set_passes():
    def cloud(request, samples):
        return table(request.random.normal(0.0, 1.0, (samples, 2)))

    record = Dataset("cloud", cloud, options={"samples": 6})
    assert not failed(record)
    assert verdict(record, "load").detail == "6 rows, 2 classes"
    assert "different rows for different seeds" in verdict(record, "determinism").detail


@pytest.mark.parametrize("key", DataSection.model_fields)
def test_keys_of_every_data_section_are_no_options(key):
    with pytest.raises(PluginError, match=f"option '{key}' is a key that every"):
        Dataset("cloud", lambda request, option: None, options={key: 6})


@pytest.mark.parametrize("key", ["name", "source"])
def test_keys_that_name_records_are_no_parameters(key):
    with pytest.raises(PluginError, match=f"schedule 'flat': its parameter '{key}' is a key that scenarios use"):
        Schedule("flat", lambda step, steps, parameter: 1.0, params={key: 1.0})
    with pytest.raises(PluginError, match="dataset 'cloud': its option 'name' is a key that scenarios use"):
        Dataset("cloud", lambda request, option: None, options={"name": 6})


@pytest.mark.parametrize("key", ["two words", "2nd", "", 3])
def test_settings_are_identifiers(key):
    with pytest.raises(PluginError, match=f"schedule 'flat': parameter {key!r} must be an identifier"):
        Schedule("flat", lambda step, steps, parameter: 1.0, params={key: 1.0})
    with pytest.raises(PluginError, match=f"dataset 'cloud': option {key!r} must be an identifier"):
        Dataset("cloud", lambda request, option: None, options={key: 6})


def test_rows_that_do_not_depend_on_the_seed_alone():
    generator = np.random.default_rng(1)

    def own(request):
        return table(generator.normal(size=(6, 2)))

    assert "request.random" in only_failure(Dataset("own", own), "determinism")


def test_a_table_that_breaks_the_contract():
    def mixed_up(request):
        return Table(np.zeros((6, 2)), np.zeros(5, np.int64), classes=("a", "b"))

    assert "6 training rows but 5 training targets" in only_failure(Dataset("mixed_up", mixed_up), "table")


def test_something_else_than_a_table():
    def pair(request):
        return np.zeros((2, 2)), np.zeros(2)

    assert only_failure(Dataset("pair", pair), "load") == "returns a tuple; it must return a Table"


def test_required_options_are_skipped():
    def file(request, path):
        return table(np.zeros((2, 2)))

    found = verdict(Dataset("file", file, options={"path": None}), "load")
    assert (found.outcome, found.detail) == ("skipped", "required options: path")


def test_missing_files_are_skipped_and_damaged_ones_are_not(tmp_path, monkeypatch):
    def file(request):
        raise DataError(f"{request.folder} has no images", "Fetch them.")

    monkeypatch.setenv("NEUROSIM_DATA", str(tmp_path))
    assert verdict(Dataset("file", file), "load").outcome == "skipped"
    (tmp_path / "file").mkdir()
    assert only_failure(Dataset("file", file), "load").endswith("has no images. Fetch them.")


def test_a_data_set_that_raises():
    def broken(request):
        return request.rows

    assert "in broken: AttributeError" in only_failure(Dataset("broken", broken), "load")


def test_misspelled_names_of_other_records_are_found():
    activation = Activation("mine", lambda z: 2.0 * z, usual_init="he_unifrom")
    verdict = check(activation, backends=["reference"])[0]
    assert (verdict.item, verdict.outcome) == ("names", "failed")
    assert verdict.detail == 'usual_init: there is no initializer "he_unifrom"; did you mean "he_uniform"?'
    own = Activation("mine", lambda z: 2.0 * z, usual_init="of_my_own_plugin")
    assert check(own, backends=["reference"])[0].item == "formula"
