"""One file from one mirror, into memory: whatever the mirror does, this ends, with the bytes or with one line.

A thread of its own receives them, so that a mirror that is silent, or sends a byte now and then, in any phase of a
request, can be left at any time.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

CHUNK = 1 << 16
# Seconds for one sign of life, for the first and each further CHUNK (about 1 kB a second), and for a whole file.
SILENCE = 30.0
PATIENCE = 60.0
LONGEST = 1800.0


class MirrorError(Exception):
    """Why a mirror gave nothing usable, in one line.

    Attributes
    ----------
    unreachable : bool
        Whether there was no connection at all, as without a network.
    """

    def __init__(self, text: str, *, unreachable: bool = False) -> None:
        super().__init__(text)
        self.unreachable = unreachable


def receive(address: str, at_most: int, progress: Callable[[int], None]) -> bytes:
    """What the mirror sends for an address.

    Parameters
    ----------
    address : str
        http or https; redirections are followed, and proxies are those of the environment.
    at_most : int
        Most bytes that are taken.
    progress : function ``progress(bytes_so_far)``
        Called in this thread, as they come.

    Raises
    ------
    MirrorError
        When there is no connection, an answer other than success, too many bytes, or none for too long.
    """
    messages: SimpleQueue[int | bytes | MirrorError] = SimpleQueue()
    left = threading.Event()
    arguments = (address, _Sink(at_most, messages.put, left), messages.put)
    threading.Thread(target=_download, args=arguments, daemon=True).start()
    end = time.monotonic() + LONGEST
    done = 0
    try:
        while True:
            try:
                message = messages.get(timeout=max(0.0, min(PATIENCE, end - time.monotonic())))
            except Empty:
                raise _too_slow(done, overdue=time.monotonic() >= end) from None
            if isinstance(message, bytes):
                return message
            if isinstance(message, MirrorError):
                raise message
            done = message
            progress(done)
    finally:
        left.set()


def _too_slow(done: int, *, overdue: bool) -> MirrorError:
    if overdue:
        return MirrorError(f"too slow: {done} bytes within {LONGEST:g} s")
    if done:
        return MirrorError(f"too slow: after {done} bytes fewer than {CHUNK} within {PATIENCE:g} s")
    return MirrorError(f"nothing usable within {PATIENCE:g} s")


class _LeftError(Exception):
    """Nobody waits for the bytes any more."""


class _Sink:
    """Keeps what is written to it, reports how much it is, and refuses more than `at_most` bytes."""

    def __init__(self, at_most: int, report: Callable[[int], None], left: threading.Event) -> None:
        self._kept = io.BytesIO()
        self._at_most = at_most
        self._report = report
        self._left = left

    def write(self, part: bytes) -> None:
        if self._left.is_set():
            raise _LeftError
        if self._kept.tell() + len(part) > self._at_most:
            raise MirrorError(f"sends more than the {self._at_most} bytes that the file can have")
        self._kept.write(part)
        self._report(self._kept.tell())

    def flush(self) -> None:
        """Called by pooch after each part."""

    def content(self) -> bytes:
        return self._kept.getvalue()


def _download(address: str, sink: _Sink, report: Callable[[bytes | MirrorError], None]) -> None:
    try:
        import pooch

        # Without "identity" a server may hand out the file unpacked on the way.
        download = pooch.HTTPDownloader(chunk_size=CHUNK, timeout=SILENCE, headers={"Accept-Encoding": "identity"})
        download(address, sink, None)
        report(sink.content())
    except MirrorError as error:
        # The traceback would keep the connection open.
        report(error.with_traceback(None))
    except Exception as error:
        report(_reason(error))


# By the names of errors of requests and urllib3, which come wrapped in each other; the first one found counts.
_REASONS = {
    "ProxyError": "the proxy gives no connection; is HTTPS_PROXY or HTTP_PROXY right?",
    "SSLError": "no secure connection",
    "NameResolutionError": "its name is not found",
    "ConnectTimeout": f"no connection within {SILENCE:g} s",
    "ReadTimeout": f"no answer within {SILENCE:g} s",
    "ReadTimeoutError": f"no data for {SILENCE:g} s",
    "TooManyRedirects": "sends from one address to the next without end",
    "ChunkedEncodingError": "the connection broke off",
    "ProtocolError": "the connection broke off",
    "NewConnectionError": "no connection",
}
_UNREACHABLE = {"NameResolutionError", "ConnectTimeout", "NewConnectionError"}


def _reason(error: Exception) -> MirrorError:
    """One line on why a request failed, without the chain of objects that requests puts around it."""
    response = getattr(error, "response", None)
    if response is not None and not response.ok:
        return MirrorError(f"answers {response.status_code} {response.reason}".rstrip())
    causes = list(_causes(error))
    names = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    name = next((name for name in _REASONS if name in names), None)
    if name is None:
        return MirrorError(f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}")
    detail = next((cause.verify_message for cause in causes if hasattr(cause, "verify_message")), "")
    return MirrorError(f"{_REASONS[name]}{f': {detail}' if detail else ''}", unreachable=name in _UNREACHABLE)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those that are wrapped in it."""
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _causes(inner)
