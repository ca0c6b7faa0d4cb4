"""Small charts of an entity's last days: a PNG that every e-mail client shows, and a line of blocks for plain text.

Pure: the same counts give the same bytes (with the same release of Pillow).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

#: In pixels of the page; drawn twice as large, for sharp screens.
WIDTH, HEIGHT = 112, 26
_SCALE = 2
# Seen on white and on black alike: mail is read on both, and the picture does not know.
_PALETTE = (0, 0, 0, 138, 153, 171, 47, 122, 196, 178, 188, 200)
_NOTHING, _DAY, _LAST, _GROUND = range(4)
_BLOCKS = "▁▂▃▄▅▆▇█"


def png(counts: Sequence[int]) -> bytes:
    """A column for each day, the last one in another colour; transparent behind."""
    width, height = WIDTH * _SCALE, HEIGHT * _SCALE
    image = Image.new("P", (width, height), _NOTHING)
    image.putpalette(_PALETTE)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height - _SCALE, width - 1, height - 1), fill=_GROUND)
    step, top = width // max(len(counts), 1), max(*counts, 1) if counts else 1
    for place, count in enumerate(counts):
        if count:
            tall = max(round(height * count / top), 2 * _SCALE)
            left = place * step
            colour = _LAST if place == len(counts) - 1 else _DAY
            draw.rectangle((left, height - tall, left + step - 2 * _SCALE, height - 1), fill=colour)
    file = io.BytesIO()
    image.save(file, "PNG", transparency=_NOTHING, optimize=True, bits=2)
    return file.getvalue()


def data_url(counts: Sequence[int]) -> str:
    """The PNG as an address that holds it; mail puts the picture itself in its place."""
    return "data:image/png;base64," + base64.b64encode(png(counts)).decode()


def blocks(counts: Sequence[int]) -> str:
    """``▁▁▃█``: a block for each day; a day without is the lowest."""
    top = max(counts, default=0) or 1
    return "".join(_BLOCKS[-(-count * (len(_BLOCKS) - 1) // top)] for count in counts)
