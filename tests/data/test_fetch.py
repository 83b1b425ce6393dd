"""Downloads from mirrors on the loopback interface: only verified files are kept."""

import gzip
import hashlib
import io
import os
import socket
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from neurosim.data import DOWNLOADS, Download, RemoteFile, fetch, missing_files
from neurosim.data.fetch import _receive, is_right
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
    "unpacked": PAYLOAD,
    "flood": bytes(4 << 20),
    "bomb": gzip.compress(bytes(8 << 20)),
    "truncated": PACKED[:-20],
    "broken": PACKED[:-20],
}


class Handler(BaseHTTPRequestHandler):
    """Serves one mirror for each first part of a path."""

    def do_GET(self):
        mirror = self.path.split("/")[1]
        self.server.requests.append(self.path)
        if mirror == "gone":
            self.send_error(404)
            return
        body = BODIES[mirror]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + (20 if mirror == "broken" else 0)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # the client hung up, as it should on a flood
            self.close_connection = True

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.requests = []
        running.daemon_threads = False
        thread = threading.Thread(target=partial(running.serve_forever, poll_interval=0.01))
        thread.start()
        yield running
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


@pytest.mark.parametrize(("mirror", "content"), [("good", PACKED), ("again", AGAIN)])
def test_a_right_file_is_kept(get, tmp_path, mirror, content):
    [path] = get(mirror)
    assert path == tmp_path / "tiny" / "images.gz"
    assert path.read_bytes() == content
    assert in_folder(tmp_path) == ["images.gz"]


BAD = ["gone", "corrupt", "page", "unpacked", "flood", "bomb", "truncated", "broken"]


@pytest.mark.parametrize("mirror", BAD)
def test_a_bad_mirror_leaves_nothing_and_the_next_is_asked(get, tmp_path, server, mirror):
    with pytest.raises(DataError) as caught:
        get(mirror)
    assert f"/{mirror}/images.gz: " in caught.value.message
    assert caught.value.exit_code == 3
    assert in_folder(tmp_path) == []
    [path] = get(mirror, "good")
    assert path.read_bytes() == PACKED
    assert in_folder(tmp_path) == ["images.gz"]
    assert server.requests == [f"/{mirror}/images.gz", f"/{mirror}/images.gz", "/good/images.gz"]


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


def test_the_error_tells_each_mirror_and_the_other_way(get):
    with pytest.raises(DataError) as caught:
        get("gone", "page")
    assert "/gone/images.gz: answers 404 Not Found" in caught.value.message
    assert "/page/images.gz: what it sent is not images.gz" in caught.value.message
    assert "NEUROSIM_DATA" in caught.value.hint
    assert "tiny/images.gz" in caught.value.hint


def test_without_a_network(tmp_path, server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(DataError, match=r"images\.gz: no connection"):
            fetch("tiny", tmp_path / "tiny", None, {"tiny": Download((FILE,), (address,))})
    assert in_folder(tmp_path) == []


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


def test_a_folder_that_cannot_be_written(get, tmp_path, server):
    (tmp_path / "tiny").write_text("in the way")
    with pytest.raises(DataError) as caught:
        get("good")
    assert "tiny" in caught.value.message
    assert "--data-dir" in caught.value.hint
    assert server.requests == []


def test_a_full_disk_is_not_blamed_on_the_mirrors(get, monkeypatch, server, tmp_path):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        get("good", "again")
    assert len(server.requests) == 1
    assert in_folder(tmp_path) == []


def test_a_failing_write_is_told_from_a_failing_mirror(server):
    class Full(io.BytesIO):
        def write(self, part):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        _receive(f"http://127.0.0.1:{server.server_port}/good/images.gz", Full(), FILE, None)


def test_unknown_names(tmp_path):
    with pytest.raises(UsageError) as caught:
        fetch("minst", tmp_path)
    assert caught.value.hint == 'did you mean "mnist"?'


@pytest.mark.parametrize("name", DOWNLOADS)
def test_what_is_published_is_complete(name, tmp_path):
    download = DOWNLOADS[name]
    assert len(download.files) == len(missing_files(name, tmp_path)) == 4
    assert len(download.mirrors) >= 2
    for file in download.files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.payload_size in (60000 * 784 + 16, 60000 + 8, 10000 * 784 + 16, 10000 + 8)
