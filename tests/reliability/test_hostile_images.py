"""Damaged and hostile PNG and JPEG files and CIFAR archives: read, or refused in a sentence that names the file."""

import io
import random
import tarfile
import time

import numpy as np
import pytest
from sizes import sizes

from neurosim.data import cifar
from neurosim.data.image_files import read_images
from neurosim.errors import DataError

Image = pytest.importorskip("PIL.Image")
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
# Seconds that a small file may take.
LONGEST = 5.0


def saved(mode, kind, **how):
    """A good file."""
    image = Image.fromarray(PIXELS[:, :, 0].astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(PIXELS)
    packed = io.BytesIO()
    (image if mode == "I;16" else image.convert(mode)).save(packed, kind, **how)
    return packed.getvalue()


def turned():
    note = Image.Exif()
    note[0x0112] = 6
    return note


def archive(form):
    """A good archive of one record in each file, with long names."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as files:
        for name in (*cifar.TRAINING, cifar.TEST):
            member = tarfile.TarInfo(f"{'long' * 30}/{name}")
            member.size = cifar.RECORD
            files.addfile(member, io.BytesIO(bytes(cifar.RECORD)))
    return packed.getvalue()


GOOD = [
    *(("image.png", saved(mode, "PNG")) for mode in ("RGB", "L", "RGBA", "LA", "1", "I;16")),
    ("image.png", saved("P", "PNG", transparency=3)),
    ("image.png", saved("RGB", "PNG", exif=turned())),
    *(("image.jpg", saved(mode, "JPEG", exif=turned())) for mode in ("RGB", "L", "CMYK")),
    ("image.jpg", saved("RGB", "JPEG", progressive=True)),
    *(("cifar.tar", archive(form)) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)),
]


def mutated(rng, content):
    changed = bytearray(content)
    for _ in range(rng.choice((0, 1, 1, 2, 5, 20))):
        place = rng.randrange(len(changed) + 1)
        match rng.choice(("byte", "digit", "insert", "delete", "cut")):
            case "byte" if place < len(changed):
                changed[place] = rng.randrange(256)
            case "digit" if place < len(changed):
                changed[place] = rng.choice(b"0123456789 \0")
            case "insert":
                changed[place:place] = rng.randbytes(rng.randrange(1, 20))
            case "delete":
                del changed[place : place + rng.randrange(1, 50)]
            case "cut" if rng.random() < 0.3:
                del changed[place:]
    if content[:1] == b"l" and rng.random() < 0.8:
        # Headers of tar have a sum of their own, which would betray most changes.
        for start in range(0, len(changed) - 511, 512):
            if changed[start + 257 : start + 262] == b"ustar":
                header = changed[start : start + 512]
                header[148:156] = b" " * 8
                changed[start + 148 : start + 156] = b"%06o\0 " % sum(header)
    return bytes(changed)


def read(path):
    """Whether it was read, or was refused in a sentence."""
    try:
        if path.suffix == ".tar":
            return len(cifar.read_archive(path)) == len(cifar.TRAINING) + 1
        return read_images([path], (5, 5, 3)).shape == (1, 75)
    except DataError as error:
        said = error.message
    assert str(path) in said
    assert "\n" not in said
    assert "object at 0x" not in said
    return False


@sizes(short=150, full=20_000)
def test_a_file_is_read_or_refused_in_a_sentence(count, tmp_path):
    taken = {}
    for name, content in GOOD:
        (tmp_path / name).write_bytes(content)
        assert read(tmp_path / name)
    for number in range(count):
        rng = random.Random(f"hostile images {number}")
        name, content = rng.choice(GOOD)
        path = tmp_path / name
        path.write_bytes(mutated(rng, content))
        begun = time.process_time()
        try:
            taken.setdefault(path.suffix, []).append(read(path))
        except Exception as error:
            raise AssertionError(f"file {number}: {name}") from error
        assert time.process_time() - begun < LONGEST
    # Some of each kind are still good, and some are not.
    assert all(0.05 < np.mean(found) < 0.95 for found in taken.values()), taken
    assert len(taken) == 3
