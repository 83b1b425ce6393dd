"""Where output goes may close, fill up or lack characters: a run goes on, and ends as it would have ended."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from neurosim.cli.streams import LastingFile, finish, lasting

posix = pytest.mark.skipif(os.name != "posix", reason="descriptors and signals of POSIX")
pytestmark = posix
NEUROSIM = [sys.executable, "-m", "neurosim"]
QUICK = ["--set", "training.epochs=2", "--set", "expect={}"]
FULL = "/dev/full"
has_full = pytest.mark.skipif(not os.path.exists(FULL), reason="no /dev/full here")


def over(descriptor, encoding="utf-8"):
    """What is put in the place of a stream as Python makes it."""
    return lasting(
        io.TextIOWrapper(io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False)), encoding), descriptor, "<there>"
    )


def test_a_reader_that_has_left_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    stream = over(writing)
    for _ in range(3):
        stream.write("nobody reads this\n")
        stream.flush()
    assert finish(stream) is None
    assert (stream.fileno(), stream.isatty(), stream.name) == (writing, False, "<there>")


@has_full
def test_a_full_disk_is_remembered():
    stream = over(os.open(FULL, os.O_WRONLY))
    stream.write("no room\n")
    stream.write("x" * 100_000)
    assert finish(stream).errno == errno.ENOSPC


def test_a_descriptor_that_does_not_wait_gets_everything():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    raw = LastingFile(writing, "<there>")
    sent, got = os.urandom(1_000_000), []

    def read():
        while block := os.read(reading, 4096):
            got.append(block)

    reader = threading.Thread(target=read)
    buffer = io.BufferedWriter(raw)
    reader.start()
    buffer.write(sent)
    buffer.flush()
    os.close(writing)
    reader.join()
    os.close(reading)
    assert b"".join(got) == sent


def test_a_character_that_the_terminal_lacks_is_spelt_out():
    reading, writing = os.pipe()
    stream = over(writing, "latin-1")
    stream.write("± …\n")
    stream.flush()
    assert os.read(reading, 100) == b"\xb1 \\u2026\n"


def test_a_run_outlives_the_reader_of_its_output(tmp_path):
    command = [*NEUROSIM, "run", "moons", "--out", "run", "--set", "training.epochs=50", "--set", "expect={}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
    assert json.loads((tmp_path / "run/summary.json").read_text())["epochs"] == 50
    assert (tmp_path / "run/report.html").is_file()


@pytest.mark.parametrize(
    ("words", "code"), [(["run", "xor", "--json", "--set", "training.epochs=2"], 5), (["list", "nothing"], 2)]
)
def test_nobody_reads_anything(words, code, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*NEUROSIM, *words], cwd=tmp_path, check=False, stdout=writing, stderr=writing)
    os.close(writing)
    assert done.returncode == code


@has_full
def test_standard_output_on_a_full_disk(tmp_path):
    with open(FULL, "w") as full:
        done = subprocess.run(
            [*NEUROSIM, "run", "xor", *QUICK, "--out", "run"],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("Error: cannot write standard output: No space left on device\nHint: ")
    assert (tmp_path / "run/summary.json").is_file()


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&- <&-"])
def test_closed_streams(closed, tmp_path):
    command = f"'{sys.executable}' -m neurosim run xor --out run --set training.epochs=2 {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 5
    assert "Traceback" not in done.stderr
    # No file has got the number of a stream and been printed into.
    for file in (tmp_path / "run").iterdir():
        assert b"Missed" not in file.read_bytes(), file
        assert b"parameters, " not in file.read_bytes()[:60], file


LOSES_ITS_TERMINAL = """
import os, sys
from neurosim.cli import progress
seen = progress.LiveProgress.epoch
def epoch(self, record):
    seen(self, record)
    if record["epoch"] == 7:
        os.write(1, b"now")
        try:
            while True:
                os.write(1, b".")
        except OSError:
            pass
progress.LiveProgress.epoch = epoch
from neurosim.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("ignored", [False, True], ids=["", "nohup"])
def test_a_lost_terminal_ends_a_run_with_a_checkpoint_unless_the_signal_is_ignored(ignored, tmp_path):
    import fcntl
    import termios

    def own_session():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)

    ours, theirs = os.openpty()
    words = ["run", "moons", "--out", "run", "--set", "training.epochs=40", "--set", "expect={}"]
    process = subprocess.Popen(
        [sys.executable, "-c", LOSES_ITS_TERMINAL, *words],
        stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=own_session, cwd=tmp_path,
        env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while b"now" not in seen:
        seen += os.read(ours, 1000)
    os.close(ours)
    assert process.wait() == (0 if ignored else 130)
    folder = tmp_path / "run"
    assert (folder / "summary.json").exists() == ignored
    assert any((folder / "checkpoint").glob("step-*")) != ignored
    epochs = len((folder / "metrics.jsonl").read_text().splitlines())
    assert epochs == 40 if ignored else 7 <= epochs < 40
