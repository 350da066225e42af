"""What every page is made with: its template, and figures that take the page's colours."""

import io
import re
import zlib

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure


def template(name: str) -> Template:
    """Return one of the package's templates; a name it lacks is an error, and text is escaped."""
    environment = Environment(loader=PackageLoader("headlab.report"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(name)


def svg(figure: Figure) -> Markup:
    """Return a figure as inline SVG that takes the page's text colour and width."""
    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "headlab", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"|(<svg[^>]*?) height="[^"]*"', r"\1\2", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = text.replace("#000000", "currentColor").replace("stroke: #262626", "stroke: currentColor")
    text = re.sub(r'(<text style="(?![^"]*fill))', r"\1fill: currentColor; ", text)
    return Markup(_unique_ids(text))  # matplotlib escapes what it draws


def _unique_ids(text: str) -> str:
    # Several figures stand in one page: their ids must not collide.
    prefix = f"f{zlib.crc32(text.encode()):08x}-"
    return re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{prefix}", text)
