"""Files with compiled code in the cache folder: what is damaged is compiled again, and whatever fails is no error.

Each ends with its SHA-256, since machine code with a flipped bit would be run.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from typing import Any

from neurosim.backends.cache import kernel_folder, warn_not_kept

_SIZE = hashlib.sha256().digest_size


def load_kept(name: str, rebuild: Callable[[bytes], Any]) -> Any:
    """What `rebuild` makes of the content of a file that `keep` has written.

    None if there is no such file, or none that can be used: then it is removed.
    """
    folder = kernel_folder()
    if folder is None:
        return None
    try:
        content = folder.read(name)
        return None if content is None else rebuild(_checked(name, content))
    except OSError as error:
        warn_not_kept(error.strerror or str(error))
    except Exception:  # of any kind: it holds compiled code, and perhaps a pickle
        with contextlib.suppress(OSError):
            folder.remove(name)
    return None


def keep(name: str, content: bytes) -> None:
    """Write a file for `load_kept`, if possible."""
    folder = kernel_folder()
    if folder is None:
        return
    try:
        folder.write(name, content + checksum(name, content))
    except OSError as error:
        warn_not_kept(error.strerror or str(error))


def checksum(name: str, content: bytes) -> bytes:
    """SHA-256 of the content and the name, so that no file can pass for another."""
    return hashlib.sha256(name.encode() + b"\0" + content).digest()


def _checked(name: str, content: bytes) -> bytes:
    """The content of a file; raises ValueError unless it ends with its own checksum."""
    if checksum(name, content[:-_SIZE]) != content[-_SIZE:]:
        raise ValueError(f"{name} is damaged")
    return content[:-_SIZE]
