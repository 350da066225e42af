"""What every page is made with: its template, and figures that take the page's colours."""

import functools
import re
import zlib

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from matplotlib.figure import Figure

from headlab.notation.numbers import percent, quantity
from headlab.notation.shades import ANTI, CURVE, DEEP, MIDDLE, SHADES
from headlab.report.figures.drawing import image
from headlab.report.palette import PALETTE


def template(name: str) -> Template:
    """Return one of the package's templates; a name it lacks is an error, and text is escaped."""
    return _environment().get_template(name)


@functools.cache
def _environment() -> Environment:
    environment = Environment(loader=PackageLoader("headlab.report.html"), autoescape=True, undefined=StrictUndefined)
    environment.globals |= {"quantity": quantity, "percent": percent, "DEEP": DEEP, "MIDDLE": MIDDLE}
    environment.globals |= {"SHADES": SHADES, "PALETTE": PALETTE}
    return environment


def svg(figure: Figure) -> Markup:
    """Return a figure as inline SVG that takes the page's text colour and width."""
    text = image(figure, "svg", {"svg.fonttype": "none"}, transparent=True).decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"|(<svg[^>]*?) height="[^"]*"', r"\1\2", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = text.replace("#000000", "currentColor").replace("stroke: #262626", "stroke: currentColor")
    text = text.replace(CURVE.light, "var(--curve)").replace(ANTI.light, "var(--anti)")
    text = re.sub(r'(<text style="(?![^"]*fill))', r"\1fill: currentColor; ", text)
    return Markup(_unique_ids(_short(text)))  # matplotlib escapes what it draws


def _short(text: str) -> str:
    """Return a drawing without what nobody sees: digits below a hundredth of a point, indentation, names, a list of fonts."""
    numbers = re.compile(r"(\.\d\d)\d+")
    text = re.sub(r' (?:d|x|y|points|transform)="[^"]*"', lambda found: numbers.sub(r"\1", found[0]), text)
    text = re.sub(r' style="[^"]*"', lambda found: re.sub(r"([:;]) ", r"\1", found[0]), text)
    text = re.sub(r"font-family:[^;\"]*sans-serif", "font-family:'DejaVu Sans',sans-serif", text)
    text = re.sub(r'<g id="[^"]*">', "<g>", re.sub(r"\s*\n\s*", " ", text).replace("> <", "><"))
    return text.replace("xlink:href", "href")


def _unique_ids(text: str) -> str:
    # Several figures stand in one page: their ids must not collide.
    prefix = f"f{zlib.crc32(text.encode()):08x}-"
    return re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{prefix}", text)
