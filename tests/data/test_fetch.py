"""Downloads from mirrors on the loopback interface: only verified files are kept."""

import gzip
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import urllib3

from neurosim.data import DOWNLOADS, Download, RemoteFile, fetch, missing_files, receiving
from neurosim.data.published import is_damaged, is_right
from neurosim.errors import DataError, UsageError

PAYLOAD = bytes(range(256)) * 40
PACKED = gzip.compress(PAYLOAD, mtime=0)
AGAIN = gzip.compress(PAYLOAD, compresslevel=1, mtime=99)
FILE = RemoteFile("images.gz", hashlib.sha256(PACKED).hexdigest(), hashlib.sha256(PAYLOAD).hexdigest(), len(PAYLOAD))

# What each mirror sends.
BODIES = {
    "good": PACKED,
    "again": AGAIN,
    "corrupt": PACKED[:50] + b"?" + PACKED[51:],
    "page": b"<html>please log in</html>",
    "nothing": b"",
    "unpacked": PAYLOAD,
    "flood": bytes(4 << 20),
    "bomb": gzip.compress(bytes(8 << 20)),
    "truncated": PACKED[:-20],
    "broken": PACKED[:-20],
    "cut": PACKED,
    "nonsense": PACKED,
}
# What is not as long as the mirror says.
LENGTHS = {"broken": str(len(PACKED)), "cut": str(len(PACKED) - 20), "nonsense": "many"}
STATUS = {"gone": 404, "forbidden": 403, "failing": 500}


class Handler(BaseHTTPRequestHandler):
    """Serves one mirror for each first part of a path."""

    def do_GET(self):
        mirror = self.path.split("/")[1]
        self.server.requests.append(self.path)
        if mirror in STATUS:
            self.send_error(STATUS[mirror])
        elif mirror in ("loop", "moved"):
            self.send_response(302)
            self.send_header("Location", self.path if mirror == "loop" else self.path.replace("moved", "good"))
            self.end_headers()
        elif mirror == "silent":
            self.server.let_go.wait()
        elif mirror == "trickle":
            self.trickle()
        else:
            self.send(mirror)

    def send(self, mirror):
        body = BODIES[mirror]
        self.send_response(200)
        self.send_header("Content-Length", LENGTHS.get(mirror, str(len(body))))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # the client hung up, as it should on a flood
            self.close_connection = True

    def trickle(self):
        """A byte at a time, never long enough apart for the socket to time out."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(PACKED)))
        self.end_headers()
        while not self.server.let_go.wait(0.02):
            self.wfile.write(b"x")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.requests = []
        running.let_go = threading.Event()
        running.daemon_threads = False
        thread = threading.Thread(target=partial(running.serve_forever, poll_interval=0.01))
        thread.start()
        yield running
        running.let_go.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def get(server, tmp_path):
    """Fetch the file from mirrors of these kinds, in this order."""

    def fetch_from(*mirrors, file=FILE, progress=None):
        base = f"http://127.0.0.1:{server.server_port}"
        download = Download((file,), tuple(f"{base}/{mirror}/" for mirror in mirrors))
        return fetch("tiny", tmp_path / "tiny", progress, {"tiny": download})

    return fetch_from


def in_folder(tmp_path):
    return sorted(path.name for path in (tmp_path / "tiny").iterdir())


@pytest.mark.parametrize(("mirror", "content"), [("good", PACKED), ("again", AGAIN), ("moved", PACKED)])
def test_a_right_file_is_kept(get, tmp_path, mirror, content):
    [path] = get(mirror)
    assert path == tmp_path / "tiny" / "images.gz"
    assert path.read_bytes() == content
    assert in_folder(tmp_path) == ["images.gz"]


BAD = {
    "gone": "answers 404 Not Found",
    "forbidden": "answers 403 Forbidden",
    "failing": "answers 500 Internal Server Error",
    "loop": "sends from one address to the next without end",
    "corrupt": "what it sent is not images.gz: the SHA-256 differs",
    "page": "it sent a web page instead; does this network want you to log in first?",
    "nothing": "it sent nothing",
    "unpacked": "what it sent is not images.gz",
    "flood": "sends more than the 14346 bytes that the file can have",
    "bomb": "what it sent is not images.gz",
    "truncated": "what it sent is not images.gz",
    "broken": "the connection broke off",
    "cut": "what it sent is not images.gz",
    "nonsense": "",
    "trickle": "nothing usable within 0.3 s",
    "silent": "nothing usable within 0.3 s",
}


@pytest.mark.parametrize("mirror", BAD)
def test_a_bad_mirror_leaves_nothing_and_the_next_is_asked(get, tmp_path, server, monkeypatch, mirror):
    with monkeypatch.context() as hurried:
        if mirror in ("trickle", "silent"):
            hurried.setattr(receiving, "PATIENCE", 0.3)
        with pytest.raises(DataError) as caught:
            get(mirror)
    first, line = caught.value.message.splitlines()
    assert first == "no mirror gave a usable images.gz:"
    assert f"/{mirror}/images.gz: {BAD[mirror]}" in line
    assert caught.value.exit_code == 3
    assert in_folder(tmp_path) == []
    server.requests.clear()
    server.let_go.set()
    [path] = get(mirror, "good")
    assert path.read_bytes() == PACKED
    assert in_folder(tmp_path) == ["images.gz"]
    assert server.requests[0] == f"/{mirror}/images.gz"
    assert server.requests[-1] == "/good/images.gz"


def test_a_mirror_that_takes_too_long_in_all_is_left(get, monkeypatch):
    monkeypatch.setattr(receiving, "LONGEST", 0.0)
    with pytest.raises(DataError, match=r"too slow: 0 bytes within 0 s"):
        get("silent")


def test_a_flood_is_cut_off(get):
    written = []
    with pytest.raises(DataError, match="sends more than the 14346 bytes"):
        get("flood", progress=lambda name, done: written.append(done))
    assert sum(written) <= FILE.largest_download


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.part"
    path.write_bytes(BODIES["bomb"])
    read = []
    monkeypatch.setattr(gzip, "GzipFile", counting(gzip.GzipFile, read))
    assert not is_right(path, FILE)
    assert 0 < sum(read) <= FILE.payload_size + 1


def counting(kind, read):
    """The class `kind`, with a note in `read` of how many bytes each read gave."""

    class Counting(kind):
        def read(self, size=-1):
            part = super().read(size)
            read.append(len(part))
            return part

    return Counting


def test_the_error_tells_the_other_way(get):
    with pytest.raises(DataError) as caught:
        get("gone", "page")
    assert len(caught.value.message.splitlines()) == 3
    assert "NEUROSIM_DATA" in caught.value.hint
    assert "tiny/images.gz" in caught.value.hint


@pytest.fixture
def nowhere():
    """An address at which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}/"


def test_without_a_network_it_is_said_plainly(tmp_path, server, nowhere, monkeypatch):
    other = RemoteFile("labels.gz", "", "", 1)
    mirrors = (nowhere, "http://no-such-mirror.invalid/")
    with pytest.raises(DataError) as caught:
        fetch("tiny", tmp_path / "tiny", None, {"tiny": Download((FILE, other), mirrors)})
    assert caught.value.message == "tiny cannot be downloaded: there seems to be no network connection"
    assert "get images.gz, labels.gz on another machine" in caught.value.hint
    assert str(tmp_path / "tiny") in caught.value.hint
    assert in_folder(tmp_path) == []


def test_one_mirror_that_answers_is_network_enough(tmp_path, server, nowhere):
    mirrors = (nowhere, f"http://127.0.0.1:{server.server_port}/gone/")
    with pytest.raises(DataError) as caught:
        fetch("tiny", tmp_path / "tiny", None, {"tiny": Download((FILE,), mirrors)})
    assert [line.rpartition(": ")[2] for line in caught.value.message.splitlines()[1:]] == [
        "no connection",
        "answers 404 Not Found",
    ]


def test_a_proxy_that_is_not_there_is_told(get, monkeypatch, nowhere):
    monkeypatch.setenv("http_proxy", nowhere)
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(DataError, match="the proxy gives no connection; is HTTPS_PROXY or HTTP_PROXY right"):
        get("good")


def test_a_mirror_that_does_not_speak_tls_is_told(tmp_path, server):
    mirror = f"https://127.0.0.1:{server.server_port}/good/"
    with pytest.raises(DataError, match=r"images\.gz: no secure connection"):
        fetch("tiny", tmp_path / "tiny", None, {"tiny": Download((FILE,), (mirror,))})


def test_names_of_errors_are_those_of_requests_and_urllib3():
    for name in receiving._REASONS:
        assert hasattr(requests.exceptions, name) or hasattr(urllib3.exceptions, name), name


def test_only_the_published_packing_will_do_where_no_payload_is_known(get):
    file = RemoteFile("images.gz", FILE.sha256, "", FILE.payload_size)
    with pytest.raises(DataError, match="SHA-256"):
        get("again", file=file)
    assert get("good", file=file)


def test_a_right_file_is_not_fetched_again(get, server, tmp_path):
    get("good")
    get("good")
    assert len(server.requests) == 1
    (tmp_path / "tiny" / "images.gz").rename(tmp_path / "tiny" / "images")
    (tmp_path / "tiny" / "images").write_bytes(PAYLOAD)
    assert get("good") == [tmp_path / "tiny" / "images"]
    assert len(server.requests) == 1


def test_a_damaged_file_is_replaced_only_by_a_right_one(get, tmp_path):
    path = tmp_path / "tiny" / "images.gz"
    path.parent.mkdir()
    path.write_bytes(PACKED[:-1])
    with pytest.raises(DataError):
        get("corrupt")
    assert path.read_bytes() == PACKED[:-1]
    get("good")
    assert path.read_bytes() == PACKED


def test_progress_counts_bytes(get):
    seen = []
    get("good", progress=lambda name, done: seen.append((name, done)))
    assert seen[-1] == ("images.gz", len(PACKED))


def test_an_interrupt_leaves_nothing(get, tmp_path):
    def interrupt(name, done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get("good", progress=interrupt)
    assert in_folder(tmp_path) == []


SLOW_FETCH = """
import sys
from pathlib import Path
from neurosim.data import Download, RemoteFile, fetch, receiving
receiving.CHUNK = 1
tiny = Download((RemoteFile("images.gz", "", "0" * 64, 10_000),), (sys.argv[2],))
fetch("tiny", Path(sys.argv[1]), lambda name, done: print(done, flush=True), {"tiny": tiny})
"""


def test_a_killed_download_leaves_nothing(get, tmp_path, server):
    mirror = f"http://127.0.0.1:{server.server_port}/trickle/"
    command = [sys.executable, "-c", SLOW_FETCH, str(tmp_path / "tiny"), mirror]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "1\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    server.let_go.set()
    assert in_folder(tmp_path) == []
    assert get("good")


def test_what_a_killed_process_was_writing_is_swept_once_nobody_can_be_at_it(get, tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    old, new = folder / ".images.gz.a.neurosim-tmp", folder / ".images.gz.b.neurosim-tmp"
    old.write_bytes(PACKED)
    new.write_bytes(PACKED)
    os.utime(old, (0, 0))
    get("good")
    assert in_folder(tmp_path) == [".images.gz.b.neurosim-tmp", "images.gz"]


def test_several_processes_may_fetch_at_once(get, tmp_path, server):
    fetching, failed = threading.Barrier(4), []

    def one():
        try:
            get("good", progress=lambda name, done: fetching.wait() if done == len(PACKED) else None)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(server.requests) == 4
    assert in_folder(tmp_path) == ["images.gz"]
    assert (tmp_path / "tiny" / "images.gz").read_bytes() == PACKED


def test_a_folder_that_cannot_be_made(get, tmp_path, server):
    (tmp_path / "tiny").write_text("in the way")
    with pytest.raises(DataError) as caught:
        get("good")
    assert "tiny" in caught.value.message
    assert "data_dir=..." in caught.value.hint
    assert server.requests == []


def failing(number):
    def fail(*arguments, **settings):
        raise OSError(number, os.strerror(number))

    return fail


FULL, READ_ONLY, FAILING = (28, "No space left on device"), (30, "Read-only file system"), (5, "Input/output error")


@pytest.mark.parametrize(
    ("owner", "call", "error"),
    [
        (os, "open", READ_ONLY),
        (os, "open", FULL),
        (os, "fsync", FULL),
        (os, "fsync", FAILING),
        (Path, "replace", FULL),
        (Path, "replace", READ_ONLY),
    ],
)
def test_a_disk_that_fails_is_not_blamed_on_the_mirrors(get, monkeypatch, server, tmp_path, owner, call, error):
    with monkeypatch.context() as disk:
        disk.setattr(owner, call, failing(error[0]))
        with pytest.raises(DataError, match=error[1]) as caught:
            get("good", "again")
    assert caught.value.exit_code == 3
    assert "NEUROSIM_DATA or data_dir=..." in caught.value.hint
    assert len(server.requests) == 1
    assert in_folder(tmp_path) == []


def test_a_file_that_may_not_grow_so_large_leaves_nothing(get, tmp_path):
    resource = pytest.importorskip("resource")  # there is none on Windows
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(DataError, match="File too large"):
            get("good")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert in_folder(tmp_path) == []


def test_a_file_that_is_not_the_published_one_is_damaged(tmp_path):
    packed, unpacked = tmp_path / "images.gz", tmp_path / "images"
    unknown = RemoteFile("images.gz", FILE.sha256, "", FILE.payload_size)
    for content, path, wrong in ((PACKED, packed, False), (AGAIN, packed, False), (BODIES["corrupt"], packed, True),
                                 (gzip.compress(b"valid"), packed, True), (PAYLOAD, unpacked, False),
                                 (PAYLOAD[:-1] + b"?", unpacked, True)):  # fmt: skip
        path.write_bytes(content)
        assert is_damaged(path, FILE) is wrong
    # Nobody has published what this one has inside.
    assert not is_damaged(unpacked, unknown)
    assert is_damaged(packed, unknown)
    assert not is_damaged(tmp_path, FILE)


def test_unknown_names(tmp_path):
    with pytest.raises(UsageError) as caught:
        fetch("minst", tmp_path)
    assert caught.value.hint == 'did you mean "mnist"?'


@pytest.mark.parametrize("name", DOWNLOADS)
def test_what_is_published_is_complete(name, tmp_path):
    download = DOWNLOADS[name]
    assert len(download.files) == len(missing_files(name, tmp_path)) == (1 if name == "cifar10" else 4)
    assert len(download.mirrors) >= 2
    for file in download.files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.size or file.payload_size in (60000 * 784 + 16, 60000 + 8, 10000 * 784 + 16, 10000 + 8)
