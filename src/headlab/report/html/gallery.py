"""The gallery as one file: every task with its numbers, trained in the page or scrubbed through as it was recorded."""

from collections.abc import Callable, Mapping
from typing import Any

from headlab.report import PAGE
from headlab.report.carrying import built_page, with_data
from headlab.report.json.values import json_text

GALLERY = PAGE / "gallery.html"
ID = "gallery"  # of the element that holds the tasks


def gallery_page(known: Callable[[], Mapping[str, Any]]) -> str:
    """Return the file; known: makes what it knows (`page_json`), and is asked only when the page is there.

    Raises `ConfigError` where headlab was built without its page.
    """
    page = built_page(GALLERY, "the gallery's page")
    return with_data(page, ID, json_text(known(), ascii_only=True, in_a_line=True))
