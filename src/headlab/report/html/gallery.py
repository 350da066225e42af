"""The gallery as one file: every task with its numbers, trained in the page or scrubbed through as it was recorded."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from headlab.report import PAGE
from headlab.report.carrying import built_page, with_data
from headlab.report.json.gallery import page_json
from headlab.report.json.values import json_text

if TYPE_CHECKING:
    from headlab.report.json.gallery import Shown

GALLERY = PAGE / "gallery.html"
ID = "gallery"  # of the element that holds the tasks


def gallery_page(shown: "Iterable[Shown]") -> str:
    """Return the file, with the tasks in their order; raises `ConfigError` where headlab was built without its page.

    Tasks are asked for only when the page is there.
    """
    page = built_page(GALLERY, "the gallery's page")
    return with_data(page, ID, json_text(page_json(shown), ascii_only=True, in_a_line=True))
