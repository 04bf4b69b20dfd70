"""What is shown of an image: its size in pixels, and smaller pictures of it.

Only PNG, JPEG, GIF and WebP are images here, by what they hold and not by their name. A header may claim any size, so
an image of more than `PIXELS_MAX` is measured and never decoded. Sizes of the smaller pictures [I]: `small` is 36 high,
the shorter side of `large` is 512, `full` is the image itself; none is larger than the image or than 3,000 a side.
"""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
PIXELS_MAX = 25_000_000
SIDE_PIXELS_MAX = 3_000
SMALL_HEIGHT, LARGE_SIDE = 36, 512
_ORIENTATION_TAG, _SIDEWAYS = 0x0112, (5, 6, 7, 8)

# Our own limit is the one that counts: Pillow's would refuse to measure a large image, or warn about it.
Image.MAX_IMAGE_PIXELS = None

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Measured:
    """The size of an image as it is seen, and those of its smaller pictures when they can be made."""

    width: int
    height: int
    thumbnails: dict[str, Size]


def measure(path: Path) -> Measured | None:
    """The size of the image in a file; None when it holds none."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            size = _seen_size(image)
    except _UNREADABLE:
        return None
    # A file that ends too early has a header and no picture: only making one tells.
    return Measured(*size, {} if thumbnail(path, "small") is None else thumbnail_sizes(size))


def thumbnail_sizes(size: Size) -> dict[str, Size]:
    """The sizes of the smaller pictures of an image."""
    factors = {"small": SMALL_HEIGHT / size[1], "large": LARGE_SIDE / min(size), "full": 1.0}
    return {name: _scaled(size, factor) for name, factor in factors.items()}


def _scaled(size: Size, factor: float) -> Size:
    factor = min(factor, 1.0, SIDE_PIXELS_MAX / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def thumbnail(path: Path, name: str) -> tuple[bytes, str] | None:
    """A smaller picture of the image in a file, and its content type; None when it cannot be made."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            size = thumbnail_sizes(_seen_size(image))[name]
            if image.width * image.height > PIXELS_MAX:
                return None
            image.draft("RGB", (max(size), max(size)))
            kind = "JPEG" if image.format == "JPEG" else "PNG"
            turned = image if image.format == "PNG" else ImageOps.exif_transpose(image)
            smaller = turned.convert("RGB" if kind == "JPEG" else "RGBA").resize(size)
    except _UNREADABLE:
        return None
    content = io.BytesIO()
    smaller.save(content, kind)
    return content.getvalue(), f"image/{kind.lower()}"


def _seen_size(image: Image.Image) -> Size:
    """The size of an image when it is turned as its camera says; to ask that of a PNG would decode all of it."""
    sideways = image.format != "PNG" and image.getexif().get(_ORIENTATION_TAG) in _SIDEWAYS
    return (image.height, image.width) if sideways else (image.width, image.height)


# What Pillow raises for files that are no images, or broken ones.
_UNREADABLE = (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError)
