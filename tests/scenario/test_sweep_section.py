"""``[sweep]``: written as it is read, without a part in what is trained, and its mistakes are said with their line."""

import pytest
from scenario_text import GOOD

from neurosim.errors import ScenarioError
from neurosim.scenario import load_scenario

SECTION = """
[sweep]
over = { "optimizer.lr" = "log(1e-4,1)", "network.layers.0.units" = [4, 8], "optimizer.name" = ["sgd", "adam"] }
seeds = 3
search = "tpe"
trials = 20
by = "train_loss"
prune = "median"
"""


@pytest.fixture
def load(tmp_path):
    def load(section, **options):
        path = tmp_path / "scenario.toml"
        path.write_text(GOOD + section, encoding="utf-8")
        return load_scenario(path, **options)

    return load


def test_it_is_written_as_it_is_read(load, tmp_path):
    scenario = load(SECTION)
    assert scenario.sweep.trials == 20
    (tmp_path / "again.toml").write_text(scenario.to_toml(), encoding="utf-8")
    assert load_scenario(tmp_path / "again.toml").sweep == scenario.sweep
    changed = load(SECTION, overrides={"sweep.trials": 5, "optimizer.lr": 0.5})
    assert (changed.sweep.trials, changed.optimizer.params["lr"]) == (5, 0.5)


def test_a_parameter_that_only_some_of_the_names_have_is_no_mistake(load):
    assert load('[sweep]\nover = { "optimizer.name" = ["sgd", "adam"], "optimizer.beta1" = [0.8, 0.9] }').sweep


@pytest.mark.parametrize(
    ("section", "line", "said"),
    [
        ('over = { "optimizer.lrr" = [1] }', 1, 'unknown parameter of optimizer adam; did you mean "lr"?'),
        ('over = { "lr" = [1] }', 1, 'sweep.over.lr: unknown key; did you mean "optimizer.lr"?'),
        ('over = { "optimiser.lr" = [1] }', 1, 'unknown key; did you mean "optimizer"?'),
        ('over = { "optimizer.name" = ["adma"] }', 1, 'unknown optimizer "adma"; did you mean "adam"?'),
        ('over = { "network.layers.9.units" = [1] }', 1, "network.layers has no entry 9"),
        ('over = { "optimizer.lr" = "lgo(1,2)" }', 1, "expected a list of values, or a range such as log(1e-4,1)"),
        ('over = { "optimizer.lr" = 0.1 }', 1, "expected a list of values, or a range"),
        ('over = { "optimizer.lr" = [] }', 1, "expected at least one value"),
        ('over = { "optimizer.lr" = "log(0,1)" }', 1, 'sweep.over."optimizer.lr": log needs ends above 0'),
        ("over = { optimizer.lr = [1] }", 1, 'a key path stands in quotes: "optimizer.lr"'),
        ('over = { "scenario.seed" = [1, 2] }', 1, "seeds are a dimension of their own"),
        ('over = { "play.text" = ["x"] }', 1, "unknown key"),
        ("over = 3", 1, "sweep.over: expected a table, not 3"),
        ("seeds = 0", 1, "sweep.seeds: expected a number of at least 1, not 0"),
        ('serch = "tpe"', 1, 'sweep.serch: unknown key; did you mean "search"?'),
        ('search = "tpee"\ntrials = 3', 1, "sweep.search: expected 'grid', 'random', 'sobol', 'tpe' or 'cmaes'"),
        ('search = "sobol"', 1, "sweep.search: the search sobol needs to know how many trials"),
        ("seeds = 2\ntrials = 3", 2, "sweep.trials: a grid tries all combinations"),
        ('prune = "median"', 1, "sweep.prune: prune goes with the searches tpe, cmaes"),
        ('by = "test_acuracy"', 1, 'sweep.by: unknown measure "test_acuracy"; did you mean "test_accuracy"?'),
    ],
)
def test_what_is_wrong_is_said_with_its_line(load, section, line, said):
    with pytest.raises(ScenarioError) as caught:
        load(f"[sweep]\n{section}\n")
    message = caught.value.message
    assert said in message
    assert f":{len(GOOD.splitlines()) + 1 + line}:" in message
