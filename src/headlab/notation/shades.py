"""The colours in which numbers are drawn: how much, what is taken away, what is wrong; one table for every medium."""

from typing import NamedTuple


class Shade(NamedTuple):
    """A colour on light and on dark paper, as #rrggbb."""

    light: str
    dark: str


HUE = Shade("#5636a6", "#7559d6")  # how much: of a weight, a share, a part that adds
CURVE = Shade("#5636a6", "#a591f0")  # the same as a line
ANTI = Shade("#763c12", "#a35f2c")  # what is taken away
BAD = Shade("#b8321f", "#ff8370")  # what is wrong
SHADES = {"hue": HUE, "curve": CURVE, "anti": ANTI, "bad": BAD}
# Of HUE or ANTI on white: from the one on only black can be read on it, beyond the other only white.
MIDDLE, DEEP = 0.6, 0.75


def channels(color: str) -> tuple[int, int, int]:
    """Return red, green and blue, each 0 … 255.

    >>> channels("#5636a6")
    (86, 54, 166)
    """
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue
