"""``neurosim data`` and the folders it looks into."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from neurosim.cli.data import command
from neurosim.data import DOWNLOADS, data_root, dataset_folder, stored_file
from neurosim.errors import UsageError


def test_the_folder_is_the_argument_then_the_variable_then_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("NEUROSIM_DATA", str(tmp_path / "variable"))
    assert dataset_folder("mnist", tmp_path / "argument") == tmp_path / "argument" / "mnist"
    assert dataset_folder("mnist") == tmp_path / "variable" / "mnist"
    for empty in ("", None):
        monkeypatch.setenv("NEUROSIM_DATA", "") if empty == "" else monkeypatch.delenv("NEUROSIM_DATA")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        assert data_root().name == "data"
        assert "neurosim" in data_root().parts


def test_home_is_expanded(monkeypatch):
    monkeypatch.setenv("NEUROSIM_DATA", "~/sets")
    assert data_root() == Path.home() / "sets"


def test_packed_files_come_first(tmp_path):
    assert stored_file(tmp_path, "a.gz") is None
    (tmp_path / "a").touch()
    assert stored_file(tmp_path, "a.gz") == tmp_path / "a"
    (tmp_path / "a.gz").touch()
    assert stored_file(tmp_path, "a.gz") == tmp_path / "a.gz"


@pytest.fixture
def data_dir(tmp_path):
    """A data folder that has files by the names of MNIST, and no Fashion-MNIST."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for file in DOWNLOADS["mnist"].files:
        (folder / file.name).touch()
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_list_says_what_is_there_and_how_to_get_the_rest(data_dir):
    result = run("list", "--data-dir", data_dir)
    assert result.exit_code == 0
    assert f"files in {data_dir / 'mnist'}" in result.output
    assert "not here yet: run  neurosim data fetch fashion_mnist" in result.output
    assert "options: samples = 400, noise = 0.1, turns = 1.75" in result.output


def test_list_as_json(data_dir):
    result = run("list", "--json", "--data-dir", data_dir)
    listed = {dataset["name"]: dataset for dataset in json.loads(result.stdout)["datasets"]}
    assert listed["xor"]["download"] is False
    assert listed["xor"]["present"] is None
    assert listed["mnist"]["present"] is True
    assert listed["mnist"]["plugin"] == "builtin"
    assert listed["fashion_mnist"]["present"] is False
    # Where the user has put them other files may have the names.
    assert listed["mnist"]["damaged"] == []
    assert listed["fashion_mnist"]["how"] == "neurosim data fetch fashion_mnist"
    assert listed["csv"]["options"]["file"] is None


def test_list_finds_damaged_files_in_the_cache(data_dir, monkeypatch):
    monkeypatch.delenv("NEUROSIM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(data_dir / "cache"))
    data_root().mkdir(parents=True)
    (data_dir / "mnist").rename(dataset_folder("mnist"))
    first = DOWNLOADS["mnist"].files[0].name
    assert f"damaged: {first}, " in run("list").output
    result = run("list", "--json")
    listed = {dataset["name"]: dataset for dataset in json.loads(result.stdout)["datasets"]}
    assert listed["mnist"]["damaged"] == [file.name for file in DOWNLOADS["mnist"].files]
    assert listed["mnist"]["how"] == "neurosim data fetch mnist"


@pytest.mark.parametrize(("name", "text"), [("iris", "needs no download"), ("minst", "unknown data set")])
def test_fetch_of_what_is_not_downloaded(name, text, data_dir):
    result = run("fetch", name, "--data-dir", data_dir)
    assert isinstance(result.exception, UsageError)
    assert text in result.exception.message


def test_fetch_calls_the_downloader(monkeypatch, data_dir):
    called = []

    def fake(name, folder, progress, downloads):
        called.append((name, folder))
        progress("train.gz", 10)
        progress("train.gz", 20)
        return []

    monkeypatch.setattr("neurosim.data.fetch", fake)
    result = run("fetch", "mnist", "--data-dir", data_dir)
    assert result.exit_code == 0
    assert called == [("mnist", data_dir / "mnist")]
    assert result.stderr.count("downloading train.gz") == 1
    assert f"mnist is in {data_dir / 'mnist'}, verified" in result.stdout
