"""Which files a scenario may have read: those of its folder and of the data folder, and what the user names himself."""

import os
import socket

import pytest

from neurosim.data import read_csv, read_idx
from neurosim.errors import DataError, UsageError
from neurosim.plugin import DataRequest


@pytest.fixture
def places(tmp_path):
    """A scenario's folder, a data folder, and one that is neither, each with a file."""
    for name in ("scenario/deep", "data/csv", "else", "scenario-2"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "rows.csv").write_text("a,b\n1,2\n")
    return tmp_path


@pytest.fixture
def request_(places):
    return DataRequest(None, places / "data" / "csv", places / "scenario")


def test_files_of_the_scenario_and_of_the_data_folder(request_, places):
    for name, found in (
        ("deep/rows.csv", "scenario/deep/rows.csv"),
        ("deep/../deep/rows.csv", "scenario/deep/rows.csv"),
        ("../data/csv/rows.csv", "data/csv/rows.csv"),
        (str(places / "scenario/deep/rows.csv"), "scenario/deep/rows.csv"),
        (str(places / "data/csv/rows.csv"), "data/csv/rows.csv"),
    ):
        path = request_.file(name)
        assert path.is_absolute()
        assert path.samefile(places / found)


@pytest.mark.parametrize(
    "name", ["../else/rows.csv", "../scenario-2/rows.csv", "link.csv", "linked/rows.csv", "/proc/self/mem", "/dev/zero"]
)
def test_other_files_are_refused_with_the_way_to_allow_them(request_, places, name):
    (places / "scenario/link.csv").symlink_to(places / "else/rows.csv")
    (places / "scenario/linked").symlink_to(places / "else")
    found = (places / "scenario" / name).resolve()
    with pytest.raises(UsageError) as caught:
        request_.file(name, "images")
    assert f"images = {name!r}: {found} lies outside" in caught.value.message
    assert f'overrides={{"data.images": "{found}"}} ' in caught.value.hint
    assert f'data_dir="{found.parent}"' in caught.value.hint


def test_absolute_paths_elsewhere_are_refused(request_, places):
    with pytest.raises(UsageError, match="lies outside"):
        request_.file(str(places / "else/rows.csv"))


def test_what_the_user_vouches_for_may_lie_anywhere(places):
    name = "../else/rows.csv"
    request = DataRequest(None, places / "data/csv", places / "scenario", frozenset({name}))
    assert request.file(name).samefile(places / "else/rows.csv")
    with pytest.raises(UsageError, match="lies outside"):
        request.file(str(places / "else/rows.csv"))


def test_folders_behind_links_are_still_those_folders(places):
    (places / "here").symlink_to(places / "scenario")
    request = DataRequest(None, places / "data/csv", places / "here")
    assert request.file("deep/rows.csv").samefile(places / "scenario/deep/rows.csv")
    assert request.file(str(places / "scenario/deep/rows.csv")).samefile(places / "scenario/deep/rows.csv")


@pytest.fixture
def odd(places):
    """Names in the scenario's folder that are no ordinary files, with what is said of them."""
    here = places / "scenario"
    os.mkfifo(here / "pipe")
    (here / "loop").symlink_to(here / "loop")
    (here / "nowhere").symlink_to(here / "gone")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(here / "socket"))
    return {
        "pipe": "is a pipe, not a file",
        "socket": "is a socket, not a file",
        "deep": "is a folder, not a file",
        ".": "is a folder, not a file",
        "loop": "cannot be read|link",
        "nowhere": "no such file",
        "gone.csv": "no such file",
        "a\0b": "cannot be read: embedded null",
        "x" * 5000: "cannot be read",
    }


def test_only_ordinary_files_are_opened(request_, odd, places, monkeypatch):
    """A pipe that was opened would be waited for without end."""
    monkeypatch.chdir(places)
    for name, fault in odd.items():
        with pytest.raises(DataError, match=fault):
            request_.file(name)
        for read in (read_csv, lambda path: read_idx(path, None)):
            with pytest.raises(DataError, match=fault):
                read(places / "scenario" / name)
    for read in (read_csv, lambda path: read_idx(path, None)):
        with pytest.raises(DataError, match="is a device, not a file"):
            read("/dev/zero")
