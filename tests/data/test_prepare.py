"""Checking, splitting and scaling a table."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.data import prepare
from neurosim.errors import DataError, UsageError
from neurosim.plugin import Table
from neurosim.randomness import Stream

LABELS = np.repeat([0, 1, 2], [60, 30, 10])
FLOATS = Table(
    features=np.column_stack([np.arange(100.0), np.arange(100.0) ** 2, np.full(100, 0.1)]),
    targets=LABELS,
    classes=("a", "b", "c"),
    feature_names=("x", "y", "z"),
)
BYTES = Table(
    features=(np.arange(400, dtype=np.uint32).reshape(100, 4) % 256).astype(np.uint8),
    targets=LABELS,
    classes=("a", "b", "c"),
    image_shape=(2, 2),
)
VALUES = Table(features=np.arange(20.0).reshape(20, 1), targets=np.arange(40.0).reshape(20, 2))


def with_tests(table):
    return replace(table, test_features=table.features[:7], test_targets=table.targets[:7])


def test_without_splits_the_rows_keep_their_order():
    prepared = prepare(FLOATS, seed=1)
    assert prepared.validation is None
    assert prepared.test is None
    np.testing.assert_array_equal(prepared.train.features, FLOATS.features.astype(np.float32))
    assert prepared.train.features.dtype == np.float32
    assert prepared.train.targets.dtype == np.int64
    assert prepared.train.features.flags.c_contiguous
    assert (prepared.scale, prepared.shift, prepared.inputs) == (1.0, 0.0, 3)
    assert (prepared.classes, prepared.feature_names) == (("a", "b", "c"), ("x", "y", "z"))


@pytest.mark.parametrize("table", [FLOATS, BYTES, VALUES])
def test_splits_are_disjoint_and_complete(table):
    prepared = prepare(table, seed=3, test_fraction=0.2, validation_fraction=0.1)
    splits = [prepared.train, prepared.validation, prepared.test]
    count = len(table.features)
    assert [len(split) for split in splits] == [0.7 * count, 0.1 * count, 0.2 * count]
    rows = np.concatenate([split.rows for split in splits])
    assert sorted(rows) == list(range(count))
    for split in splits:
        assert (np.diff(split.rows) > 0).all()
        np.testing.assert_array_equal(split.features, table.features[split.rows].astype(split.features.dtype))
        np.testing.assert_array_equal(split.targets, table.targets[split.rows])
        assert split.features.flags.c_contiguous
        assert split.targets.dtype == (np.int64 if table.classes else np.float32)


def test_every_class_keeps_its_share():
    prepared = prepare(FLOATS, seed=3, test_fraction=0.2, validation_fraction=0.1)
    assert np.bincount(prepared.test.targets).tolist() == [12, 6, 2]
    assert np.bincount(prepared.validation.targets).tolist() == [6, 3, 1]
    assert np.bincount(prepared.train.targets).tolist() == [42, 21, 7]


def test_the_rows_of_a_class_are_taken_in_the_order_of_one_permutation():
    labels = np.random.default_rng(1).integers(0, 3, 3000)
    table = Table(np.zeros((3000, 1)), labels, classes=("a", "b", "c"))
    found = prepare(table, seed=3, test_fraction=0.2).test.rows
    order = Stream(3, "split").permutation(3000)
    expected = [row for label in range(3) for row in order[labels[order] == label][: sum(labels[found] == label)]]
    assert found.tolist() == sorted(expected)


def test_the_seed_decides_and_validation_leaves_the_test_rows_alone():
    first = prepare(FLOATS, seed=3, test_fraction=0.2)
    again = prepare(FLOATS, seed=3, test_fraction=0.2, validation_fraction=0.3)
    other = prepare(FLOATS, seed=4, test_fraction=0.2)
    np.testing.assert_array_equal(first.test.rows, again.test.rows)
    assert first.test.rows.tolist() != other.test.rows.tolist()
    # Dealt, not cut off: the rows of a class come from all over it.
    assert first.test.rows.tolist() != list(range(12)) + list(range(60, 66)) + [90, 91]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=2, max_size=6).filter(any),
    st.floats(0, 0.6),
    st.floats(0, 0.39),
    st.integers(0, 5),
)
def test_any_shares_leave_every_class_in_training(sizes, test_fraction, validation_fraction, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    table = Table(np.zeros((len(labels), 1)), labels, classes=tuple(f"c{label}" for label in range(len(sizes))))
    options = {"test_fraction": test_fraction, "validation_fraction": validation_fraction}
    try:
        prepared = prepare(table, seed=seed, **options)
    except UsageError:
        # Only a share that comes to no row at all is refused.
        assert any(0 < fraction * len(labels) < len(sizes) + 1 for fraction in options.values())
        return
    splits = [split for split in (prepared.train, prepared.validation, prepared.test) if split is not None]
    assert sorted(np.concatenate([split.rows for split in splits])) == list(range(len(labels)))
    kept = np.bincount(prepared.train.targets, minlength=len(sizes))
    assert ((kept > 0) == (np.array(sizes) > 0)).all()
    if prepared.test is not None:
        shares = np.bincount(prepared.test.targets, minlength=len(sizes)) - np.array(sizes) * test_fraction
        assert np.abs(shares).max() <= 1.0 + 1e-9


def test_normalize_floats_is_applied_at_once():
    prepared = prepare(FLOATS, seed=1, normalize=(3.0, 2.0))
    np.testing.assert_allclose(prepared.train.features, (FLOATS.features - 3) / 2, rtol=1e-6)
    assert (prepared.scale, prepared.shift) == (1.0, 0.0)
    np.testing.assert_allclose(prepared.to_input(FLOATS.features), (FLOATS.features - 3) / 2)
    np.testing.assert_allclose(prepared.to_raw(prepared.to_input(FLOATS.features)), FLOATS.features)


def test_bytes_stay_bytes():
    plain = prepare(BYTES, seed=1, validation_fraction=0.1)
    assert plain.train.features.dtype == plain.validation.features.dtype == np.uint8
    assert (plain.scale, plain.shift) == (1 / 255, 0.0)
    normalized = prepare(BYTES, seed=1, normalize=(0.1307, 0.3081))
    assert normalized.train.features.dtype == np.uint8
    expected = (BYTES.features / 255 - 0.1307) / 0.3081
    np.testing.assert_allclose(normalized.train.features * normalized.scale + normalized.shift, expected)
    np.testing.assert_allclose(normalized.to_input(BYTES.features), expected)
    assert np.shares_memory(normalized.train.features, BYTES.features)


def test_standardize_uses_the_training_rows_only():
    prepared = prepare(FLOATS, seed=1, standardize=True, test_fraction=0.5)
    train, test = prepared.train.features.astype(float), prepared.test.features.astype(float)
    np.testing.assert_allclose(train[:, :2].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(train[:, :2].std(axis=0), 1, atol=1e-6)
    raw = FLOATS.features[prepared.train.rows]
    expected = (FLOATS.features[prepared.test.rows] - raw.mean(axis=0))[:, :2] / raw.std(axis=0)[:2]
    np.testing.assert_allclose(test[:, :2], expected, rtol=1e-5, atol=1e-6)
    # A constant feature has no spread to divide by.
    assert prepared.feature_scale[2] == 1.0
    assert not prepared.train.features[:, 2].any()


def test_standardized_targets_use_the_training_rows_only():
    table = replace(VALUES, targets=np.column_stack([1e6 + 5e4 * np.arange(20.0), np.full(20, 0.1)]))
    prepared = prepare(table, seed=1, test_fraction=0.25, standardize_targets=True)
    assert prepared.scales_targets
    np.testing.assert_allclose(prepared.train.targets.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(prepared.train.targets.std(axis=0), [1.0, 0.0], atol=1e-6)
    for split in (prepared.train, prepared.test):
        raw = prepared.to_target_units(split.targets)
        np.testing.assert_allclose(raw, table.targets[split.rows], rtol=1e-6)
    plain = prepare(table, seed=1, test_fraction=0.25)
    assert not plain.scales_targets
    assert plain.sha256 == prepared.sha256
    np.testing.assert_array_equal(plain.to_target_units(plain.train.targets), plain.train.targets)


def test_classes_are_not_scaled():
    prepared = prepare(FLOATS, seed=1, standardize_targets=True)
    assert not prepared.scales_targets
    assert prepared.train.targets.tolist() == LABELS.tolist()


def test_standardized_bytes_become_floats():
    prepared = prepare(BYTES, seed=1, standardize=True)
    assert prepared.train.features.dtype == np.float32
    assert (prepared.scale, prepared.shift) == (1.0, 0.0)
    np.testing.assert_allclose(prepared.train.features.std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(prepared.to_input(BYTES.features), prepared.train.features, atol=1e-6)


def test_own_test_rows_are_kept_and_scaled_alike():
    prepared = prepare(with_tests(FLOATS), seed=1, validation_fraction=0.1, standardize=True)
    assert len(prepared.test) == 7
    assert len(prepared.train) + len(prepared.validation) == 100
    np.testing.assert_allclose(prepared.test.features, prepared.to_input(FLOATS.features[:7]), rtol=1e-6)
    with pytest.raises(UsageError, match="own 7 test rows"):
        prepare(with_tests(FLOATS), seed=1, test_fraction=0.1)


@pytest.mark.parametrize(
    "options",
    [
        {"test_fraction": 1.0},
        {"test_fraction": -0.1},
        {"validation_fraction": math.nan},
        {"test_fraction": 0.5, "validation_fraction": 0.5},
        {"test_fraction": 0.001},
        {"normalize": (0.0, 0.0)},
        {"normalize": (math.nan, 1.0)},
        {"normalize": (0.0, math.inf)},
        {"normalize": (0.0, 1.0), "standardize": True},
    ],
)
def test_options_that_make_no_sense(options):
    with pytest.raises(UsageError) as caught:
        prepare(BYTES, seed=1, **options)
    assert next(iter(options)) in caught.value.message
    assert caught.value.hint


def changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (replace(FLOATS, features=changed(FLOATS.features, (5, 1), math.nan)), "row 5, column 1 has nan"),
        (replace(FLOATS, features=changed(FLOATS.features, (5, 1), 1e300)), "too large for float32"),
        (replace(FLOATS, features=FLOATS.features[:50]), "50 training rows but 100 training targets"),
        (replace(FLOATS, features=FLOATS.features.ravel()), "must be an array (rows, features), not shape (300,)"),
        (replace(FLOATS, features=FLOATS.features.tolist()), "not list"),
        (replace(FLOATS, features=FLOATS.features.astype(int)), "must be float or uint8, not int64"),
        (replace(FLOATS, features=np.empty((0, 3)), targets=LABELS[:0]), "are empty: 0 rows of 3 features"),
        (replace(FLOATS, targets=changed(LABELS, 8, 3)), "must be 0 to 2; row 8 has 3"),
        (replace(FLOATS, targets=changed(LABELS, 8, -1)), "must be 0 to 2; row 8 has -1"),
        (replace(FLOATS, targets=LABELS.astype(float)), "must be class indices"),
        (replace(FLOATS, targets=LABELS.tolist()), "must be a NumPy array, not list"),
        (replace(FLOATS, classes=("a",), targets=LABELS * 0), "only one class"),
        (replace(FLOATS, feature_names=("x",)), "3 features but 1 feature names"),
        (replace(BYTES, image_shape=(3, 3)), "4 features, which is not an image of (3, 3)"),
        (replace(VALUES, targets=VALUES.targets[:, 0]), "floats of shape (rows, outputs), not float64 (20,)"),
        (replace(VALUES, targets=changed(VALUES.targets, (1, 0), math.inf)), "row 1, column 0 has inf"),
        (
            replace(VALUES, targets=changed(VALUES.targets, (1, 0), 1e39)),
            "float32; row 1, column 0 has 1e+39",
        ),
        (replace(FLOATS, test_features=FLOATS.features), "given together"),
        (replace(FLOATS, test_features=FLOATS.features[:9, :2], test_targets=LABELS[:9]), "the test features"),
        (replace(FLOATS, test_features=np.ones((1, 3), np.uint8), test_targets=LABELS[:1]), "the test features uint8"),
        (replace(FLOATS, test_features=FLOATS.features[:9], test_targets=LABELS[:8]), "9 test rows but 8 test"),
    ],
)
def test_a_broken_table_is_refused(table, fault):
    with pytest.raises(DataError) as caught:
        prepare(table, seed=1)
    assert fault in caught.value.message


def test_classes_of_a_single_row_have_none_to_keep_apart():
    table = Table(np.zeros((40, 1)), np.arange(40), classes=tuple(map(str, range(40))))
    with pytest.raises(UsageError, match=r"test_fraction = 0\.2: no row can be set aside") as caught:
        prepare(table, seed=0, test_fraction=0.2)
    assert caught.value.hint == "There are 40 rows of 40 classes."
