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
