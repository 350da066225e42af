"""The page that students open: the lab with an assignment's questions beside it, in one file."""

import json
from collections.abc import Mapping
from typing import Any

from headlab.report import PAGE
from headlab.report.carrying import built_page, with_data

HOMEWORK = PAGE / "homework.html"
ID = "headlab-assignment"  # of the element that holds what is asked


def homework_page(public: Mapping[str, Any]) -> str:
    """Return the file; public: what students may see of an assignment, and nothing else of it is in the page.

    Raises `ConfigError` where headlab was built without its page.
    """
    data = json.dumps(public, ensure_ascii=True, allow_nan=False)
    return with_data(built_page(HOMEWORK, "the homework's page"), ID, data)
