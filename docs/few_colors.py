"""Pictures of the documentation with a palette: smaller files whose colors can still be told apart."""

from pathlib import Path

from PIL import Image


def keep(picture: Path, target: Path, colors: int) -> None:
    """Write a picture with this many colors; rare marks keep their own, however much of the picture is pale."""
    with Image.open(picture) as opened:
        few = opened.convert("RGB").quantize(colors, Image.Quantize.MAXCOVERAGE, kmeans=1)
        few.save(target, optimize=True)
