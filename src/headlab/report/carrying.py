"""A page that is one file, and the data that a copy of it carries."""

from pathlib import Path

from headlab.errors import ConfigError

ELEMENT = '<script type="application/json" id="{}">{}</script>'


def built_page(file: Path, what: str) -> str:
    """Return a page's text; what: it is in words. Raises `ConfigError` where headlab was built without its pages.

    >>> built_page(Path("nowhere.html"), "the page")
    Traceback (most recent call last):
    headlab.errors.ConfigError: the page must be built, and this checkout has none: pip install . builds it
    """
    if not file.exists():
        raise ConfigError(f"{what} must be built, and this checkout has none: pip install . builds it")
    return file.read_text(encoding="utf-8")


def with_data(page: str, id: str, data: str) -> str:
    r"""Return a page with an element that holds JSON, which no text in it can end; id: of the element.

    >>> print(with_data("<body></body>", "data", '{"a": "<!--"}'))
    <body><script type="application/json" id="data">{"a": "\u003c!--"}</script>
      </body>
    """
    element = ELEMENT.format(id, data.replace("<", "\\u003c"))
    return page.replace("</body>", f"{element}\n  </body>", 1)
