"""What is written where there is a pipe, and under names as long as names can be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_pipe_is_written_into_and_stays_one(neurosim):
    os.mkfifo("pipe")
    both_ends = os.open("pipe", os.O_RDWR | os.O_NONBLOCK)
    done = neurosim("explain", "xor", "--out", "pipe")
    assert os.read(both_ends, 1 << 16).decode() == neurosim("explain", "xor").out
    os.close(both_ends)
    assert done.code == 0
    assert Path("pipe").is_fifo()


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127])
def test_a_name_of_255_bytes(neurosim, name):
    assert neurosim("explain", "xor", "--out", name).code == 0
    assert Path(name).read_text()
    assert [path.name for path in Path().iterdir()] == [name]
    refused = neurosim("explain", "xor", "--out", name + "xx")
    assert (refused.code, refused.out) == (3, "")
    assert "Hint: Choose a shorter name." in refused.err


@pytest.mark.skipif(not Path("/dev/stdout").is_symlink(), reason="streams by name")
def test_a_stream_by_its_name_is_written_to_and_keeps_its_name(tmp_path):
    with (tmp_path / "out").open("wb") as out:
        words = [sys.executable, "-m", "neurosim", "explain", "xor", "--out", "/dev/stdout"]
        assert subprocess.run(words, stdout=out).returncode == 0
    assert "sigmoid" in (tmp_path / "out").read_text()
    assert Path("/dev/stdout").is_symlink()


@pytest.fixture
def umask():
    """Sets the umask of this process, until the test is over."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("mask", [0o077, 0o002])
def test_everything_written_has_the_permissions_that_the_umask_leaves(neurosim, umask, mask):
    umask(mask)
    Path("rows.csv").write_text("x1,x2\n0,1\n")
    quick = ("--set", "training.epochs=2", "--set", "expect={}", "--backend", "reference", "--no-report")
    for words in (
        ("run", "xor", *quick, "--out", "new/run", "--set", "training.checkpoint_every=1"),
        ("predict", "new/run", "--data", "rows.csv", "--backend", "reference", "--out", "answers.csv"),
        ("explain", "xor", "--out", "new/sheet.html"),
        ("copy", "xor", "new/own.toml"),
        ("plugins", "new", "mine"),
    ):
        done = neurosim(*words)
        assert done.code == 0, done.err
    written = [path for path in Path().rglob("*") if path.name != "rows.csv"]
    assert len([path for path in written if path.is_file()]) > 8
    for path in written:
        assert path.stat().st_mode & 0o777 == (0o777 if path.is_dir() else 0o666) & ~mask, path


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_private_file_that_is_written_again_stays_private(neurosim, umask):
    Path("sheet.txt").write_text("")
    Path("sheet.txt").chmod(0o600)
    assert neurosim("explain", "xor", "--out", "sheet.txt").code == 0
    assert Path("sheet.txt").read_text()
    assert Path("sheet.txt").stat().st_mode & 0o777 == 0o600
