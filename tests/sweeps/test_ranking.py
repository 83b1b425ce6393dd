"""Rankings: intervals and tests as SciPy has them, what has failed or is alone, and tables for other programs."""

import csv
import io
import json
import sys

import numpy as np
import pytest
from scipy import stats

from neurosim.errors import DataError, UsageError
from neurosim.sweeps import student
from neurosim.sweeps.entries import Entry, entries_in
from neurosim.sweeps.importance import importance
from neurosim.sweeps.ranking import going_along, rank
from neurosim.sweeps.records import as_csv, as_parquet, records
from neurosim.sweeps.significance import holm


def entry(value, seed=0, measure="test_accuracy", reason="", **settings):
    final = {} if reason else {measure: value}
    keys = {key.replace("__", "."): setting for key, setting in settings.items()}
    return Entry(keys, seed, final, parameters=25, seconds=0.5, reason=reason, multiply_adds=16)


def by_settings(table):
    return {place.settings.get("lr"): place for place in table.places}


def test_student_s_distribution_is_that_of_scipy():
    for freedom in (1, 2, 3, 9, 58, 59, 60, 61, 999, 99_999):
        assert student.bound(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-12)
        for t in (0.0, 1e-3, 0.5, 1.0, 2.0, 3.5, 10.0, 40.0, 1e4, np.inf):
            assert student.tail(freedom, t) == pytest.approx(stats.t.sf(t, freedom), rel=1e-11, abs=1e-300)


def test_intervals_and_tests_are_those_of_scipy():
    draw = np.random.default_rng(1)
    values = {lr: draw.normal(0.8, 0.1, 7) + 0.02 * lr for lr in (1, 2, 3)}
    # The last row lacks two seeds: the test is on those that both have.
    seeds = {1: range(7), 2: range(7), 3: range(5)}
    table = rank([entry(values[lr][seed], seed, lr=lr) for lr in values for seed in seeds[lr]])
    places = by_settings(table)
    best = table.places[0].settings["lr"]
    for lr, place in places.items():
        own = values[lr][list(seeds[lr])]
        low, high = stats.t.interval(0.95, len(own) - 1, own.mean(), stats.sem(own))
        assert (place.mean - place.half, place.mean + place.half) == pytest.approx((low, high), rel=1e-12)
        if lr == best:
            assert (place.p, place.adjusted) == (None, None)
            continue
        both = sorted(set(seeds[best]) & set(seeds[lr]))
        assert place.p == pytest.approx(stats.ttest_rel(values[best][both], values[lr][both]).pvalue, rel=1e-9)
    tests = [place.p for place in table.places[1:]]
    assert [place.adjusted for place in table.places[1:]] == holm(tests)
    alike = sum(p >= 0.05 for p in holm(tests))
    assert f"{alike} of 2 cannot be told from the best" in table.remarks[0]


def test_holms_correction():
    # As p.adjust of R has them.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, None, 0.5]) == [1.0, None, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("apart", [0.0, 0.1])
def test_differences_without_a_spread_are_not_tested(apart):
    # 0.3 - 0.2 and 0.8 - 0.7 are the same but for rounding.
    table = rank([entry(value - apart * low, seed, lr=low) for low in (0, 1) for seed, value in enumerate((0.3, 0.8))])
    assert [place.p for place in table.places] == [None, None]


@pytest.mark.parametrize(
    ("measure", "best"),
    [("test_loss", 1), ("test_rmse", 1), ("test_mape", 1), ("test_f1", 2), ("test_r2", 2), ("test_own", 2)],
)
def test_the_better_end_of_a_measure(measure, best):
    table = rank([entry(value, measure=measure, lr=value) for value in (2, 1)], measure)
    assert (table.places[0].settings["lr"], table.rises) == (best, best == 2)
    assert ("no plugin here says which are" in table.remarks[0]) == (measure == "test_own")
    assert rank([entry(value, measure=measure, lr=value) for value in (2, 1)], measure, lambda name: False).places[
        0
    ].settings == {"lr": 1}


def test_what_has_failed_comes_last_and_what_is_there_twice_counts_once():
    runs = [entry(0.9, 0, lr=1), entry(0, 1, reason="it diverged", lr=1), entry(0.5, 0, lr=2), entry(0.5, 0, lr=2)]
    table = rank(runs)
    assert [(place.settings["lr"], len(place.entries)) for place in table.places] == [(2, 1), (1, 2)]
    again, alone = table.remarks
    assert again.startswith("1 run is left out: the same settings and the same seed")
    assert alone.startswith("Only one seed of each: no interval")
    failed = rank([entry(0, reason="it diverged", lr=1)])
    assert (failed.measure, failed.places[0].mean, failed.remarks) == (None, None, ())
    assert rank([]).places == ()
    assert rank([entry(0.5, 0)]).remarks == ("Only one seed: no interval.",)


def test_runs_of_different_data_are_told_of():
    table = rank([entry(0.5, seed, data__source=source) for source in ("xor", "moons") for seed in (0, 1)])
    assert table.remarks == ("They differ in data.source: their measures are not all of the same rows.",)
    # What is made of the rows is no other rows.
    made = [entry(0.5, seed, data__inputs=inputs) for inputs in ("x1", "x1^2") for seed in (0, 1)]
    assert rank(made).remarks == ()
    other = [entry(0.5, measure="test_accuracy"), entry(0.5, measure="train_loss", lr=1)]
    with pytest.raises(UsageError, match="no measure in common"):
        rank(other)


def test_what_another_word_says_is_no_setting_of_its_own():
    adam = {"optimizer__name": "adam", "optimizer__beta1": 0.9}
    runs = [entry(0.5, lr=1, **adam), entry(0.4, lr=1, optimizer__name="sgd"), entry(0.3, lr=2, momentum=0.5, **adam)]
    assert list(rank(runs).places[-1].settings) == ["lr", "optimizer.name", "momentum"]
    # With two values it is a setting.
    runs.append(entry(0.2, optimizer__name="adam", optimizer__beta1=0.8))
    assert "optimizer.beta1" in rank(runs).places[-1].settings


def test_what_goes_with_another_setting_need_not_be_named():
    kinds = ((1, {"data__source": "a", "units": 1}), (2, {"data__source": "b", "units": 9, "size": 2}))
    table = rank([entry(number, lr=lr, **own) for number, own in kinds for lr in (1, 2)])
    assert going_along(table) == ["units", "size"]
    # Of values that are all different nobody knows.
    assert going_along(rank([entry(k, a=k, b=-k) for k in range(3)])) == []


SCENARIO = '[scenario]\nseed = {seed}\n[optimizer]\n"l\\u001br" = {value}\n'


def test_a_folder_by_others_says_nothing_to_a_terminal(tmp_path):
    failure = {"backend": "cpu", "epoch": 1, "message": "\x1b[2Jdiverged\u202e"}
    (tmp_path / "failure.json").write_text(json.dumps(failure))
    (tmp_path / "scenario.toml").write_text(SCENARIO.format(seed=1, value='"\\u001b"'))
    (failed,) = entries_in([tmp_path])
    assert (failed.reason, list(failed.settings)) == ("\\x1b[2Jdiverged\\u202e", ["optimizer.l\\x1br"])


@pytest.mark.parametrize("seed", ["inf", "nan", "[1]", "1e400", "{}"])
def test_a_seed_that_is_none_is_refused(seed, tmp_path):
    (tmp_path / "failure.json").write_text("{}")
    (tmp_path / "scenario.toml").write_text(SCENARIO.format(seed=seed, value="[" * 50 + "]" * 50))
    with pytest.raises(DataError, match=r"scenario.toml cannot be read"):
        entries_in([tmp_path])


HOSTILE = "=HYPERLINK(A1)"


def test_tables_for_other_programs():
    runs = [
        entry(-0.5, 3, name=HOSTILE, lr=1, net__sizes=[1, 2]),
        entry(0.25, 0, name="-x", lr=0.5, net__deep=True),
        entry(0, 1, reason="@line\nof two", name="sgd", lr=2),
    ]
    rows = records(rank(runs))
    text = as_csv(rows)
    read = list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in read] == ["'-x", f"'{HOSTILE}", "sgd"]
    assert [row["test_accuracy"] for row in read] == ["0.25", "-0.5", ""]
    assert (read[1]["net.sizes"], read[0]["net.sizes"], read[0]["net.deep"]) == ("[1, 2]", "", "true")
    assert read[2]["reason"] == "'@line\nof two"
    assert list(read[0]) == [
        "rank", "name", "lr", "net.deep", "net.sizes", "seed", "test_accuracy", "parameters", "multiply_adds",
        "seconds", "reason", "folder",
    ]  # fmt: skip
    assert as_csv([]) == ""


def test_parquet_is_read_by_others():
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    wide = [entry(0.5, 2**70, lr=1, size=2), entry(0.25, 1, lr=0.5, size="all", on=True)]
    frame = pandas.read_parquet(io.BytesIO(as_parquet(records(rank(wide)))))
    assert frame["lr"].tolist() == [1.0, 0.5]
    assert frame["size"].tolist() == ["2", "all"]
    assert frame["seed"].tolist() == [str(2**70), "1"]
    assert frame["multiply_adds"].tolist() == [16, 16]


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="not installed") as raised:
        as_parquet([])
    assert raised.value.hint == 'pip install "neurosim-edu[parquet]"'
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    assert "scikit-learn, which is not installed: pip install" in importance(drawn(20, 1)).words


def drawn(count, seeds, noise=0.05):
    """Runs whose measure is 3 a + b, with a and b between 0 and 1, and not c."""
    draw = np.random.default_rng(5)
    points = draw.uniform(size=(count, 3))
    return rank(
        [
            entry(3 * a + b + noise * draw.normal(), seed, measure="test_r2", a=a, b=b, c="yes" if c > 0.5 else "no")
            for a, b, c in points.tolist()
            for seed in range(seeds)
        ]
    )


def test_importance_is_the_share_of_the_variance():
    pytest.importorskip("sklearn")
    found = importance(drawn(150, 2))
    # Closed form: 9 of 10, 1 of 10 and nothing of the variance. A forest smooths, and ranks are no values.
    assert found.settings == pytest.approx({"a": 0.9, "b": 0.1, "c": 0}, abs=0.1)
    assert list(found.settings) == ["a", "b", "c"]
    assert found.foretold > 0.9
    assert json.dumps(found.as_json())


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (drawn(19, 5), "19 different settings are too few to tell which matters: have 20 or more"),
        (drawn(25, 2, noise=100), "too little to tell which setting matters"),
        (rank([entry(0.5, seed, lr=lr) for seed in (0, 1) for lr in range(30)]), "Only lr differs"),
        (rank([entry(0.5)]), "Nothing differs"),
        (rank([entry(0.5, a=a, b=b) for a in range(5) for b in range(5)]), "All trials are equally good"),
    ],
)
def test_where_nothing_can_be_said_that_is_said(table, words):
    pytest.importorskip("sklearn")
    found = importance(table)
    assert found.settings == {}
    assert words in found.words
