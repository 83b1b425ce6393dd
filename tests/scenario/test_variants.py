"""Variants, claims and what is recorded: from a file to scenarios, and the faults on the way."""

import pytest
from scenario_text import GOOD

from neurosim.errors import UsageError
from neurosim.scenario.study import MAX_VARIANTS

STUDY = (
    GOOD
    + """
[record]
quantities = ["gradient_norm", "dead"]
rows = 9
[[variants]]
name = "plain"
[[variants]]
name = "other"
group = "odd"
value = 3
"network.layers.0.activation" = "sigmoid"
optimizer = { name = "adam", lr = 0.5 }
training.epochs = 9
[[claims]]
measure = "train_accuracy"
of = "plain"
exceeds = "other"
by = 0.1
[[claims]]
measure = "gradient_norm"
layer = "first"
of = ["other"]
at_least = 0.5
[[claims]]
measure = "train_loss"
at_most = 2.0
"""
)


def changed(*pairs):
    text = STUDY
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def test_a_variant_is_the_scenario_with_its_own_values(load):
    scenario = load(STUDY)
    plain, other = scenario.variants["plain"], scenario.variants["other"]
    assert list(scenario.variants) == ["plain", "other"]
    assert plain.network == scenario.network
    assert other.network.layers[0].activation.name == "sigmoid"
    assert other.network.layers[0].init.name != plain.network.layers[0].init.name, "the usual one of its activation"
    assert (other.optimizer.name, other.optimizer.params["lr"]) == ("adam", 0.5)
    assert (plain.training.epochs, other.training.epochs) == (scenario.training.epochs, 9)
    assert other.training.batch_size == plain.training.batch_size
    assert (other.variant, scenario.variant) == ("other", "")
    assert scenario.about("other").group == "odd"
    assert scenario.about("other").value == 3


def test_a_section_that_names_a_record_starts_anew(load):
    text = changed(("[optimizer]\n", "[optimizer]\nweight_decay = 0.25\n"))
    scenario = load(text)
    assert scenario.variants["plain"].optimizer.params["weight_decay"] == 0.25
    assert scenario.variants["other"].optimizer.params["weight_decay"] == 0.0


def test_claims_about_one_variant_go_with_it(load):
    scenario = load(STUDY)
    assert [claim.measure for claim in scenario.variants["plain"].claims] == ["train_loss"]
    assert [claim.measure for claim in scenario.variants["other"].claims] == ["gradient_norm", "train_loss"]
    assert all(claim.of is None for claim in scenario.variants["other"].claims)


def test_what_is_written_loads_to_the_same_study(load):
    scenario = load(STUDY, overrides={"training.epochs": 5, "optimizer.lr": 0.25})
    again = load(scenario.to_toml())
    assert again == scenario
    assert {variant.training.epochs for variant in again.variants.values()} == {5}
    assert {variant.optimizer.params["lr"] for variant in again.variants.values()} == {0.25}
    variant = scenario.variants["other"]
    assert load(variant.to_toml()) == variant


def test_an_override_can_name_a_place_in_a_variant(load):
    scenario = load(STUDY, overrides={"variants.1.training.epochs": 2})
    assert [variant.training.epochs for variant in scenario.variants.values()] == [4, 2]


def test_an_unknown_variant_is_told_with_the_nearest(load):
    with pytest.raises(UsageError, match='unknown variant "plane"') as caught:
        load(STUDY).about("plane")
    assert caught.value.hint == 'did you mean "plain"?'
    with pytest.raises(UsageError) as caught:
        load(GOOD).about("plain")
    assert "no [[variants]]" in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"sigmoid"\noptimizer', '"sigmoyd"\noptimizer',
         'variants.1."network.layers.0.activation": unknown activation "sigmoyd"; did you mean "sigmoid"?'),
        ('lr = 0.5 }', 'momentum = 1 }', "variants.1.optimizer.momentum: unknown parameter of optimizer adam"),
        ("training.epochs = 9", "training.epoch = 9",
         'variants.1.training.epoch: unknown key; did you mean "epochs"?'),
        ("training.epochs = 9", "training.epochs = -9",
         "variants.1.training.epochs: expected a number of at least 0, not -9"),
        ("training.epochs = 9", "trainin.epochs = 9", 'variants.1.trainin: unknown key; did you mean "training"?'),
        ("training.epochs = 9", "training = 9", "variants.1.training: expected a table, not 9"),
        ("training.epochs = 9", '"network.layers.7.units" = 9',
         'variants.1."network.layers.7.units": network.layers has no entry 7; its entries are numbered 0 to 1'),
        ("training.epochs = 9", '"a b" = 9', "variants.1.\"a b\": 'a b' is not a key path"),
        ("training.epochs = 9", "expect.train_los = { at_most = 1 }",
         'variants.1.expect.train_los: unknown measure "train_los"; did you mean "train_loss"?'),
        ('name = "plain"', 'name = "plain"\n[[variants]]\nname = "plain"', "variants.1.name: variant 1 has this name"),
        ('name = "plain"', 'name = "plain"\n[[variants]]\nname = "Plain"', "variants.1.name: expected lower-case"),
        ('exceeds = "other"', 'exceeds = "ohter"', 'claims.0.exceeds: unknown variant "ohter"; did you mean "other"?'),
        ('of = ["other"]', 'of = ["plain", "x"]', 'claims.1.of.1: unknown variant "x"; known: other, plain'),
        ('"gradient_norm"\nlayer', '"weight_norm"\nlayer',
         "claims.1.measure: weight_norm is not recorded; add it to record.quantities"),
        ('"gradient_norm"\nlayer', '"gradient_nrom"\nlayer',
         'claims.1.measure: unknown measure "gradient_nrom"; did you mean "gradient_norm"?'),
        ('layer = "first"\n', "", "claims.1.layer: missing; which layer's gradient_norm?"),
        ("at_most = 2.0", 'layer = "first"\nat_most = 2.0', "claims.2.layer: train_loss is a measure of the whole"),
        ("at_most = 2.0", "epoch = 0\nat_most = 2.0", "claims.2.epoch: measures are there from epoch 1 on"),
        ("at_most = 2.0", "at_most = 2.0\nat_least = 3", "claims.2: at_least is above at_most"),
        ("at_most = 2.0", "", "claims.2: expected either bounds"),
        ("at_least = 0.5", "at_least = 0.5\ntimes = 2", "claims.1: expected by or times beside exceeds"),
        ("by = 0.1", "by = 0.1\ntimes = 2", "claims.0: expected by or times beside exceeds"),
        ('"train_loss"\nat_most', '"validation_loss"\nat_most', "claims.2.measure: no rows are set aside"),
        ('["gradient_norm", "dead"]', '["gradient_norm", "ded"]',
         'record.quantities.1: unknown measure "ded"; did you mean "dead"?'),
        ("rows = 9", "rows = 0", "record.rows: expected a number of at least 1, not 0"),
    ],
)  # fmt: skip
def test_a_fault_is_told_where_it_stands(faults, old, new, told):
    found = faults(changed((old, new)))
    assert len(found) == 1, found
    assert told in found[0]


@pytest.mark.parametrize(("old", "new"), [("noise", "noize"), ("epochs = 4", "epochs = -4"), ("units = 4", "unit = 4")])
def test_a_fault_of_the_file_is_told_once_and_not_for_each_variant(faults, old, new):
    assert len(faults(changed((old, new)))) == 1


def test_too_many_variants(faults):
    many = "".join(f'[[variants]]\nname = "v{k}"\n' for k in range(MAX_VARIANTS + 1))
    (told,) = faults(GOOD + many)
    assert f"variants: expected at most {MAX_VARIANTS} of them" in told
