"""Python takes what a person passes: names, paths, folders, results; and says in a sentence what it takes instead."""

import base64

import numpy as np
import pytest
from matplotlib.figure import Figure

import neurosim
from neurosim.analysis import frames
from neurosim.errors import DivergedError, NeurosimError

EPOCHS = {"training.epochs": 40, "record.every": 10, "expect": {}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("interactive")


@pytest.fixture(scope="module")
def seen():
    """What the observer of the run has heard."""
    return []


@pytest.fixture(scope="module")
def result(folder, seen):
    return neurosim.run("xor", overrides=EPOCHS, out=folder / "runs" / "first", observer=seen.append)


@pytest.fixture(scope="module")
def other():
    """Of another seed, and without a folder."""
    return neurosim.run("xor", overrides=EPOCHS, seed=3)


@pytest.fixture(scope="module")
def study(folder):
    done = []
    overrides = {"training.epochs": 3, "claims": [], "scenario.repeats": 1}
    found = neurosim.study("loss-functions", overrides=overrides, out=folder / "runs" / "study", observer=done.append)
    assert {id(one) for one in done} == {id(one) for one in found.results}
    return found


@pytest.fixture(params=["result", "simulator", "path", "text", "last"])
def meant(request, result, folder, monkeypatch):
    """The run, in each of the ways a person may name it."""
    if request.param == "last":
        (folder / "newest" / "runs").mkdir(parents=True, exist_ok=True)
        link = folder / "newest" / "runs" / "first"
        if not link.exists():
            link.symlink_to(result.folder)
        monkeypatch.chdir(folder / "newest")
    ways = {"result": result, "simulator": result.simulator, "path": result.folder, "text": str(result.folder)}
    return ways.get(request.param, "last")


# What stands for a run ---------------------------------------------------------------------------------------


def test_a_run_is_taken_as_it_is_named(meant, tmp_path, monkeypatch):
    # Each frame of a film takes as long as a picture.
    monkeypatch.setattr(frames, "MOST_FRAMES", 3)
    assert isinstance(neurosim.plot(meant, "learning_curves"), Figure)
    assert repr(neurosim.diagnose(meant, trials=False)).startswith("<Diagnosis of 'XOR")
    page = neurosim.write_report(meant, tmp_path / "xor.html").read_text(encoding="utf-8")
    assert "One step by hand" in page
    assert neurosim.animate(meant).data.startswith(b"GIF89a")


def test_a_plain_function_observes(result, seen):
    assert seen == list(result.history)


@pytest.mark.parametrize("given", ["xor", "shipped path", "scenario", "folder"])
def test_a_simulator_is_made_of_what_names_a_scenario(given, result):
    from neurosim.scenario import shipped

    ways = {"shipped path": shipped()["xor"], "scenario": result.scenario, "folder": result.folder}
    simulator = neurosim.Simulator(ways.get(given, given), "reference")
    assert simulator.network.size == result.simulator.network.size
    assert len(simulator.history) == 0
    assert neurosim.explain(ways.get(given, given)).lines()


def test_a_run_is_run_again_by_its_folder(result):
    assert neurosim.run(result.folder).history.train_loss == result.history.train_loss
    assert neurosim.load_model(result.folder).network.size == result.simulator.network.size


def test_a_worksheet_is_of_a_new_network_of_a_result(result):
    sheet = neurosim.explain(result, sample=1)
    assert sheet.values == neurosim.explain("xor", sample=1).values
    assert "1. Forward" in str(sheet)


def test_a_run_that_diverged_is_diagnosed_from_its_folder(folder):
    changes = {"training.epochs": 20, "optimizer": {"name": "sgd", "lr": 1e30}, "network.layers.0.activation": "relu"}
    with pytest.raises(DivergedError):
        neurosim.run("xor", overrides=changes, backend="reference", out=folder / "runs" / "diverged")
    assert neurosim.diagnose(folder / "runs" / "diverged", trials=False).evidence.failure


# Replays, comparisons, films, seeds --------------------------------------------------------------------------


def test_a_replay_with_nothing_changed_is_the_same(other):
    found = neurosim.replay(other, epoch=10)
    assert found.branch.history.train_loss == other.history.train_loss
    assert found.step == 10 * other.simulator.steps_per_epoch


def test_a_replay_shows_both_futures(result):
    heard = []
    found = neurosim.replay(result, step=20, overrides={"optimizer.lr": 0.5}, observer=heard.append)
    assert len(heard) == 20
    assert found.branch.history.train_loss[:20] == result.history.train_loss[:20]
    assert found.branch.history.train_loss[21] != result.history.train_loss[21]
    assert repr(found).startswith("<Replay of xor from epoch 20: optimizer.lr=0.5; <Result")
    assert "optimizer.lr=0.5" in found._repr_html_()
    assert isinstance(neurosim.plot(found), Figure)


def test_runs_are_compared(result, other, study):
    found = neurosim.compare(result.folder, other)
    assert found.differing == ("seed",)
    assert repr(found) == "<Comparison of seed 7, seed 3; differs: seed>"
    assert "s/epoch" not in found._repr_html_()
    assert isinstance(neurosim.plot(found), Figure)
    assert len(neurosim.compare([result, other, result.simulator]).runs) == 3
    assert len(neurosim.compare(study).runs) == len(study.results)


def test_a_study_is_drawn(study):
    for given in (study, study.folder):
        assert isinstance(neurosim.plot(given), Figure)
        with pytest.raises(NeurosimError, match='did you mean "comparison"'):
            neurosim.plot(given, "comparisn")
    assert repr(study).startswith("<Study of loss-functions: 10 variants")
    assert study._repr_html_().count("<tr>") == 11


def test_a_film_is_saved_and_shows_itself(result, tmp_path):
    film = neurosim.animate(result, "boundary", tmp_path / "xor.gif")
    assert (tmp_path / "xor.gif").read_bytes() == film.data
    assert base64.b64encode(film.data).decode() in film._repr_html_()
    assert film.save(tmp_path / "again.gif").read_bytes() == film.data
    assert repr(film).startswith("<Animation of the boundary, XOR")


@pytest.mark.parametrize("seed", ["3", 1.5, -1, 2**63])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(NeurosimError, match="a seed is a whole number from 0 to"):
        neurosim.run("xor", overrides=EPOCHS, seed=seed)


def test_many_seeds_are_a_table_and_a_picture():
    many = neurosim.Ensemble("xor", 5)
    assert repr(many) == "<Ensemble of xor: 5 seeds from 0, not trained yet>"
    with pytest.raises(NeurosimError, match="have not been trained yet"):
        neurosim.plot(many)
    many.train()
    assert [row["seed"] for row in many.records()] == [0, 1, 2, 3, 4]
    assert "95% interval" in many._repr_html_()
    assert "5 seeds from 0, " in repr(many)
    assert isinstance(neurosim.plot(many), Figure)


# How things write themselves ---------------------------------------------------------------------------------


def test_what_a_prompt_shows_is_short(result, study):
    sheet = neurosim.explain("xor")
    network = result.simulator.network
    for one in (result, result.scenario, result.simulator, network, result.history, study, study.scenario, sheet):
        assert len(repr(one)) < 200
        assert "\n" not in repr(one)
    written = repr(result)
    assert written.startswith("<Result of xor: seed 7; 40 epochs; train loss ")
    assert f"train accuracy {result.metrics['train_accuracy']:.2%}" in written
    assert str(result.folder) in written
    assert repr(result.simulator).endswith("25 parameters, 40 of 40 epochs trained>")


# What cannot be taken ----------------------------------------------------------------------------------------

TAKERS = {
    "plot": neurosim.plot,
    "diagnose": neurosim.diagnose,
    "animate": neurosim.animate,
    "export": lambda run: neurosim.export(run, "numpy", "never.py"),
    "write_report": lambda run: neurosim.write_report(run, "never.html"),
    "replay": lambda run: neurosim.replay(run, epoch=1),
    "compare": lambda run: neurosim.compare(run, run),
}


@pytest.mark.parametrize("name", TAKERS)
def test_what_is_no_run_is_refused_in_a_sentence(name, tmp_path, result):
    take = TAKERS[name]
    for scenario in ("xor", result.scenario, "mine.toml"):
        with pytest.raises(NeurosimError, match="is a scenario that has not been trained here") as caught:
            take(scenario)
        assert f"neurosim.{name}" in caught.value.hint
    for nothing in (None, 3, np.zeros(2), {"a": 1}):
        with pytest.raises(NeurosimError, match=rf"neurosim\.{name} takes what neurosim\.run returned"):
            take(nothing)
    with pytest.raises(NeurosimError, match="there is no such run folder"):
        take(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [name for name in TAKERS if name not in ("plot", "compare", "replay")])
def test_one_network_of_a_study_has_to_be_named(name, study):
    for given in (study, study.folder):
        with pytest.raises(NeurosimError, match="takes one network, and this is a study of 10"):
            TAKERS[name](given)


def test_what_is_no_scenario_is_refused_in_a_sentence(tmp_path):
    ensemble = lambda given: neurosim.Ensemble(given, 3)  # noqa: E731
    for make in (neurosim.Simulator, neurosim.explain, neurosim.run, neurosim.study, neurosim.load_scenario, ensemble):
        with pytest.raises(NeurosimError, match="scenario not found: xro"):
            make("xro")
        for nothing in (None, 3, ["xor"]):
            with pytest.raises(NeurosimError) as caught:
                make(nothing)
            assert "name of a" in f"{caught.value.message} {caught.value.hint}"


def test_other_mistakes_are_told(result):
    for wrong, words in (
        (lambda: neurosim.run("xor", observer=3), "the observer cannot be called with the record of an epoch: 3"),
        (lambda: neurosim.study("xor", observer="x"), "the observer cannot be called with a result"),
        (lambda: neurosim.replay(result), "needs epoch or step"),
        (lambda: neurosim.replay(result, epoch=1, step=1), "needs epoch or step"),
        (lambda: neurosim.compare(result), "takes two runs or more, and this is 1"),
        (lambda: neurosim.animate(result, "boundry"), 'unknown film "boundry"'),
        (lambda: neurosim.animate(result, kind="avi"), 'unknown film format "avi"'),
        (lambda: neurosim.animate(result, "histograms"), "no film of the histograms"),
    ):
        with pytest.raises(NeurosimError) as caught:
            wrong()
        assert words in caught.value.message
