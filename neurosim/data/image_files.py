"""PNG and JPEG files as rows of pixels, read with Pillow: a folder for each class, or what a network is to answer for.

The files may come from anyone. Each has to be what its ending says, its size is looked at before it is unpacked, and
links that lead out of the folder are refused.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurosim.data.targets import in_order
from neurosim.errors import DataError, UsageError
from neurosim.files.inputs import open_ordinary, unreadable

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
NAMED = {"PNG": "a PNG file", "JPEG": "a JPEG file"}
# How files of each kind begin.
STARTS = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
# What systems leave in folders.
PASSED_OVER = ("Thumbs.db", "desktop.ini")
# Bytes of a file, pixels of an image before it is resized, files, and bytes of all rows.
LARGEST_FILE = 1 << 26
MOST_PIXELS = 1 << 26
MOST_FILES = 1 << 20
LARGEST = 1 << 30
SIZES = (1, 1024)
OPAQUE = 255
SMALLER = "Make it smaller with any program for images."


def is_image_name(path: Path) -> bool:
    """Whether a file is named as an image."""
    return path.suffix.lower() in ENDINGS


def holds_images(path: Path) -> bool:
    """Whether a path is that of an image or of a folder, which can have images only."""
    return is_image_name(path) or path.is_dir()


def image_shape(size: int, color: str) -> tuple[int, ...]:
    """Height, width and, in color, channels of rows; raises UsageError for options that make no sense."""
    low, high = SIZES
    if not low <= size <= high:
        raise UsageError(f"size = {size}: expected {low} to {high}", "Images get that many pixels in height and width.")
    if color not in ("rgb", "gray"):
        raise UsageError(f'color = "{color}": expected rgb or gray')
    return (size, size, 3) if color == "rgb" else (size, size)


def class_files(folder: Path) -> tuple[tuple[str, ...], list[tuple[int, Path]]]:
    """Names of the classes, which are folders in this one, and the files of all, in order, with their classes.

    Raises
    ------
    DataError
        For a folder without classes, and for anything in a class that is no image.
    """
    with _listing(folder):
        places = sorted(path for path in folder.iterdir() if not _passed_over(path))
        beside = next((path for path in places if is_image_name(path) and not path.is_dir()), None)
        if beside is not None:
            raise DataError(f"{beside} lies beside the classes", "Each class is a folder with its images.")
        folders = {path.name: path for path in places if path.is_dir()}
    if len(folders) < 2:
        one = f"only the class {next(iter(folders))}" if folders else "no folders"
        raise DataError(f"{folder} has {one}", "Each class is a folder with its images; there have to be two or more.")
    classes, _ = in_order(folders)
    files = [(index, path) for index, name in enumerate(classes) for path in _images(folders[name], folder)]
    return classes, files


def files_to_answer_for(path: Path) -> list[Path]:
    """The image, or those in a folder and in the folders in it, in order; raises DataError where there are none."""
    if not path.is_dir():
        return [path]
    with _listing(path):
        inside = sorted(place for place in path.iterdir() if place.is_dir() and not _passed_over(place))
        own = [place for place in path.iterdir() if is_image_name(place) and not place.is_dir()]
    files = sorted(own) + [file for place in inside for file in _images(place, path)]
    for file in own:
        _refuse_leading_out(file, path)
    if not files:
        raise DataError(f"{path} has no PNG or JPEG files", "Give an image, or a folder of images.")
    return files


def read_images(files: Sequence[Path], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The pixels of files, (rows, height * width[ * 3]), each resized to (height, width) and in gray or RGB.

    Raises
    ------
    DataError
        For a file that is no image, damaged, or larger than what is read.
    UsageError
        Where Pillow is not installed.
    """
    width = int(np.prod(shape))
    if len(files) * width > LARGEST:
        raise DataError(
            f"{len(files):,} images of {' x '.join(map(str, shape))} bytes are more than the {LARGEST:,} bytes that "
            "are read",
            "Choose a smaller size, or fewer images.",
        )
    rows = np.empty((len(files), width), np.uint8)
    for row, path in enumerate(files):
        rows[row] = _pixels(path, shape)
    return rows


def _pixels(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        from PIL import Image as images  # noqa: N813 - Image is the class
        from PIL import ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise UsageError(
            "image files are read by Pillow, which is not installed", 'pip install "neurosim-edu[images]"'
        ) from error
    content = _content(path)
    try:
        with warnings.catch_warnings(action="ignore"), images.open(io.BytesIO(content), formats=list(NAMED)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise images.DecompressionBombError
            # Cameras note how they were held.
            ImageOps.exif_transpose(image, in_place=True)
            # Made small before anything else, as it may be large.
            small = _colors(image).resize((shape[1], shape[0]), images.Resampling.BILINEAR)
            if small.mode == "RGBA":
                white = images.new("RGBA", small.size, (OPAQUE, OPAQUE, OPAQUE, OPAQUE))
                small = images.alpha_composite(white, small)
            return np.asarray(small.convert("RGB" if shape[2:] == (3,) else "L"), np.uint8).reshape(-1)
    except images.DecompressionBombError as error:
        raise DataError(f"{path} has more than the {MOST_PIXELS:,} pixels that are read", SMALLER) from error
    except Exception as error:  # of damaged files Pillow raises nearly anything
        # Of what it cannot identify it says only where in memory that is.
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "it has no image" if unknown else str(error).partition("\n")[0][:200] or type(error).__name__
        raise DataError(f"{path} is damaged: {reason}", "Leave it out, or get it again.") from error


def _colors(image: Image) -> Image:
    """The image in gray, RGB or RGBA; of 16 bits in a pixel the upper 8."""
    from PIL import Image as images  # noqa: N813 - Image is the class

    if image.mode.startswith("I"):
        deep = np.asarray(image)
        return images.fromarray(np.clip(deep >> 8, 0, OPAQUE).astype(np.uint8))
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _content(path: Path) -> bytes:
    """The bytes of a file that is an image of the kind that its ending says."""
    if not is_image_name(path):
        raise DataError(f"{path} is not named as an image", f"Images are PNG or JPEG files: {', '.join(ENDINGS)}.")
    with open_ordinary(path) as file:
        try:
            content = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise unreadable(path, error) from error
    if len(content) > LARGEST_FILE:
        raise DataError(
            f"{path} has more than the {LARGEST_FILE:,} bytes that are read",
            SMALLER,
        )
    kind = next((kind for start, kind in STARTS.items() if content.startswith(start)), None)
    wanted = ENDINGS[path.suffix.lower()]
    if kind != wanted:
        found = f"is {NAMED[kind] if kind else 'neither a PNG nor a JPEG file'}, whatever its ending says"
        raise DataError(f"{path} {found if content else 'is empty'}", "Save it again, rename it, or leave it out.")
    return content


def _images(folder: Path, root: Path) -> list[Path]:
    """The images in a folder, in the order of their names."""
    with _listing(folder):
        _refuse_leading_out(folder, root)
        files = sorted(path for path in folder.iterdir() if not _passed_over(path))
        for path in files:
            _refuse_leading_out(path, root)
            if path.is_dir():
                raise DataError(f"{path} is a folder within a class", "The images of a class lie in its folder itself.")
            if not is_image_name(path):
                raise DataError(f"{path} is not a PNG or JPEG file", "Leave it out, or save it as one of these.")
    if not files:
        raise DataError(f"{folder} has no images", "Each class is a folder with its images.")
    if len(files) > MOST_FILES:
        raise DataError(f"{folder} has more than the {MOST_FILES:,} files that are read")
    return files


def _passed_over(path: Path) -> bool:
    return path.name.startswith(".") or path.name in PASSED_OVER


def _refuse_leading_out(path: Path, root: Path) -> None:
    """Raise DataError for a link to somewhere outside of the folder of images."""
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise DataError(f"{path} is a link that leads out of {root}", "Put the image itself there.")


@contextmanager
def _listing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unreadable(folder, error) from error
