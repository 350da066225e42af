"""The page that students open: the lab with an assignment's questions beside it, in one file."""

import json
from collections.abc import Mapping
from typing import Any

from headlab.errors import ConfigError
from headlab.report import PAGE

HOMEWORK = PAGE / "homework.html"
ID = "headlab-assignment"  # of the element that holds what is asked


def homework_page(public: Mapping[str, Any]) -> str:
    """Return the file; public: what students may see of an assignment, and nothing else of it is in the page.

    Raises `ConfigError` where headlab was built without its page.
    """
    if not HOMEWORK.exists():
        raise ConfigError("the homework's page must be built, and this checkout has none: pip install . builds it")
    data = json.dumps(public, ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")
    element = f'<script type="application/json" id="{ID}">{data}</script>'
    return HOMEWORK.read_text(encoding="utf-8").replace("</body>", f"{element}\n  </body>", 1)
