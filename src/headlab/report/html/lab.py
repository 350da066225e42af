"""The lab: one file that trains, looks and explains by itself, and the settings that a copy of it begins with."""

from urllib.parse import parse_qsl, urlencode

from headlab.report import PAGE
from headlab.report.carrying import built_page

LAB = PAGE / "headlab.html"
LINK = '<script type="text/plain" id="headlab-link">{}</script>'


def lab_page(link: str = "") -> str:
    """Return the file; link: an address or its fragment, whose settings it begins with where its own address has none.

    Raises `ConfigError` where headlab was built without its page.

    >>> from headlab.report import PAGE
    >>> "d_head=5&amp;" in lab_page("#d_head=5&hide=why")  # data is written as it is read: nothing in it is markup
    False
    """
    page = built_page(LAB, "the lab's page")
    settings = urlencode(parse_qsl(link.partition("#")[2], keep_blank_values=True))
    return page.replace("</body>", LINK.format(settings) + "\n  </body>", 1) if settings else page
