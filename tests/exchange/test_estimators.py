"""NeurosimClassifier and NeurosimRegressor keep scikit-learn's contract, and train what a scenario would."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import neurosim
from neurosim.errors import ScenarioError, UsageError
from neurosim.sklearn import NeurosimClassifier, NeurosimRegressor

X, y = make_classification(120, 6, n_informative=4, n_classes=3, random_state=1)
LABELS = np.array(["ash", "beech", "oak"])[y]
QUICK = {"hidden_layer_sizes": (12,), "learning_rate_init": 0.02, "max_iter": 40, "random_state": 0}


@pytest.mark.ci
@pytest.mark.parametrize("estimator", [NeurosimClassifier(max_iter=100), NeurosimRegressor(max_iter=100)])
def test_the_checks_of_scikit_learn(estimator):
    found = check_estimator(estimator, on_fail=None, on_skip=None)
    failed = {
        check["check_name"]: check["exception"] for check in found if check["status"] not in ("passed", "skipped")
    }
    assert failed == {}
    # It skips this one itself where the variable that it needs is not set.
    assert {check["check_name"] for check in found if check["status"] == "skipped"} <= {"check_array_api_input"}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # of scikit-learn: it could be trained for longer
def test_it_learns_as_well_as_scikit_learns_own_network():
    own, other = (
        [maker(**{**QUICK, "max_iter": 100, "random_state": seed}).fit(X, LABELS) for seed in range(4)]
        for maker in (NeurosimClassifier, MLPClassifier)
    )
    losses = [np.mean([log_loss(LABELS, found.predict_proba(X)) for found in several]) for several in (own, other)]
    assert losses[0] < losses[1] + 0.03
    assert np.mean([found.score(X, LABELS) for found in own]) > 0.88
    assert own[0].classes_.tolist() == ["ash", "beech", "oak"]
    assert len(own[0].loss_curve_) == own[0].n_iter_ == 100
    np.testing.assert_allclose(own[0].predict_proba(X).sum(axis=1), 1.0, rtol=1e-5)


def test_it_trains_what_its_scenario_says():
    """Its weights are those of a run of its scenario on the same rows, bit for bit, on any backend."""
    own = NeurosimClassifier(**QUICK).fit(X, LABELS)
    exact = NeurosimClassifier(**QUICK, backend="reference").fit(X, LABELS)
    np.testing.assert_allclose(own.predict_proba(X), exact.predict_proba(X), atol=1e-4)
    again = neurosim.run(own.scenario_)
    for name, array in again.simulator.parameters.items():
        np.testing.assert_array_equal(array, own._simulator.parameters[name])


def test_a_weight_is_a_row_that_is_there_as_often():
    weights = np.arange(120) % 4
    weighted = NeurosimClassifier(**QUICK).fit(X, LABELS, sample_weight=weights)
    order = np.random.default_rng(2).permutation(weights.sum())
    repeated = NeurosimClassifier(**QUICK).fit(X.repeat(weights, 0)[order], LABELS.repeat(weights)[order])
    np.testing.assert_array_equal(weighted.predict_proba(X), repeated.predict_proba(X))


def test_classes_have_weights():
    heavy = NeurosimClassifier(**QUICK, class_weight={"ash": 20.0}).fit(X, LABELS)
    plain = NeurosimClassifier(**QUICK).fit(X, LABELS)
    ash = LABELS == "ash"
    assert heavy.predict_proba(X)[ash, 0].mean() > plain.predict_proba(X)[ash, 0].mean()
    by_hand = NeurosimClassifier(**QUICK).fit(X, LABELS, sample_weight=np.where(ash, 20.0, 1.0))
    np.testing.assert_array_equal(by_hand.predict_proba(X), heavy.predict_proba(X))
    # Rows that are there twice count twice.
    balanced, twice = NeurosimClassifier(**QUICK, class_weight="balanced"), np.flatnonzero(ash)
    found = balanced.fit(np.r_[X, X[twice]], np.r_[LABELS, LABELS[twice]]).predict_proba(X)
    np.testing.assert_array_equal(balanced.fit(X, LABELS, 1.0 + ash).predict_proba(X), found)
    with pytest.raises(ValueError, match="needs all rows at once"):
        balanced.partial_fit(X, LABELS, classes=np.unique(LABELS))


def test_whatever_a_scenario_can_name():
    layers = [
        {"kind": "dense", "units": 8, "activation": {"name": "leaky_relu", "alpha": 0.1}},
        {"kind": "batch_norm"},
        {"kind": "dropout", "rate": 0.1},
    ]
    found = NeurosimClassifier(
        layers=layers,
        loss={"name": "categorical_cross_entropy", "label_smoothing": 0.1},
        optimizer={"name": "sgd", "momentum": 0.9},
        schedule="cosine",
        learning_rate_init=0.05,
        batch_size=16,
        max_iter=20,
        random_state=1,
    ).fit(X, LABELS)
    assert found.score(X, LABELS) > 0.6
    assert [layer.kind for layer in found.scenario_.network.layers] == ["dense", "batch_norm", "dropout", "dense"]
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict_proba(X), found.predict_proba(X))
    with pytest.raises(ScenarioError, match='unknown activation "rel"; did you mean "relu"'):
        NeurosimClassifier(activation="rel").fit(X, LABELS)


def test_in_pipelines_and_searches():
    pipeline = make_pipeline(StandardScaler(), NeurosimClassifier(**{**QUICK, "max_iter": 10}))
    assert cross_val_score(pipeline, X, LABELS, cv=3).mean() > 0.5
    search = GridSearchCV(pipeline, {"neurosimclassifier__learning_rate_init": [1e-5, 0.05]}, cv=2).fit(X, LABELS)
    assert search.best_params_ == {"neurosimclassifier__learning_rate_init": 0.05}
    assert clone(search.best_estimator_[-1]).get_params() == search.best_estimator_[-1].get_params()


def test_it_stops_where_nothing_falls_any_more():
    settings = {**QUICK, "max_iter": 500, "tol": 0.05, "n_iter_no_change": 3}
    assert NeurosimClassifier(**settings).fit(X, LABELS).n_iter_ < 100
    held_out = NeurosimClassifier(**settings, early_stopping=True, validation_fraction=0.25).fit(X, LABELS)
    assert len(held_out._simulator.data.validation) == 30
    assert held_out.n_iter_ < 100


def test_a_warm_start_goes_on():
    warm = NeurosimClassifier(**{**QUICK, "max_iter": 5}, warm_start=True).fit(X, LABELS)
    first = warm.loss_
    assert warm.fit(X, LABELS).loss_ < first
    cold = NeurosimClassifier(**{**QUICK, "max_iter": 5}).fit(X, LABELS)
    assert cold.fit(X, LABELS).loss_ == first


def test_portions_are_learned_one_by_one():
    found = NeurosimClassifier(**QUICK)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        found.partial_fit(X[:5], LABELS[:5])
    for _ in range(60):
        for start in range(0, 120, 40):
            found.partial_fit(X[start : start + 40], LABELS[start : start + 40], classes=["ash", "beech", "oak"])
    assert found.score(X, LABELS) > 0.8
    assert found.n_iter_ == len(found.loss_curve_) == 180
    with pytest.raises(ValueError, match=r"labels that are not in classes: \['elm'\]"):
        found.partial_fit(X[:2], ["ash", "elm"])


def test_portions_are_shuffled_anew_each_time():
    """With one seed, too: the second epoch on the same rows has other batches than the first."""
    settings = {**QUICK, "batch_size": 8}
    twice = NeurosimClassifier(**settings)
    orders = []
    for _ in range(2):
        twice.partial_fit(X, LABELS, classes=["ash", "beech", "oak"])
        orders.append(twice._orders.get_state()[2])
    assert orders[0] != orders[1]


def test_values_one_or_several():
    features, targets = make_regression(80, 4, n_targets=2, noise=0.1, random_state=0)
    targets /= targets.std(axis=0)
    settings = {**QUICK, "max_iter": 150}
    both = NeurosimRegressor(**settings).fit(features, targets)
    assert both.predict(features).shape == (80, 2)
    assert both.score(features, targets) > 0.97
    one = NeurosimRegressor(**settings, activation="tanh").fit(features, targets[:, 0])
    assert one.predict(features).shape == (80,)
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.predict(features), one.predict(features))
    assert again.partial_fit(features, targets[:, 0]).score(features, targets[:, 0]) > 0.9


def test_the_example_of_the_page(capsys):
    page = (Path(__file__).parents[2] / "docs/exchange.md").read_text(encoding="utf-8")
    (block,) = [text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "NeurosimClassifier" in text]
    exec(block, {})
    assert float(capsys.readouterr().out) > 0.9


def test_an_observer_hears_the_epochs():
    losses = []
    found = NeurosimClassifier(**{**QUICK, "max_iter": 3}).fit(
        X, LABELS, observer=lambda r: losses.append(r["train_loss"])
    )
    assert losses == found.loss_curve_
    with pytest.raises(UsageError, match="the observer cannot be called with the record of an epoch: 3"):
        NeurosimRegressor().fit(X, y, observer=3)


def test_numbers_beyond_float32_are_refused():
    with pytest.raises(ValueError, match="X has values that are too large for float32: put a scaler in front"):
        NeurosimClassifier(**QUICK).fit(X * 1e300, LABELS)
