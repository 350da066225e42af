"""A view as HTML that a notebook keeps: tables for whoever runs no scripts, the lab's page for others, kernel or none.

The code of the page is the same for all views of a notebook, and one cell carries it for all. A client that tells which cell is
run lets that cell carry it again whenever it runs again; of others it is the first cell that shows a view.
"""

import base64
import functools
import gzip
import hashlib
import sys
import uuid
from typing import Any

from headlab.report import PAGE
from headlab.report.carried import Carried

_carrier: list[object] = []  # the cell that carries the code, as soon as one does


def view_html(carried: Carried, still: str, *, alone: bool = False) -> str:
    """Return a view as HTML.

    still: what is shown where no scripts run; alone: it carries the code, whatever other cells do
    """
    name, (code, packed) = f"headlab-{uuid.uuid4().hex[:12]}", _code()
    held = f'<script type="text/plain" data-headlab-code="{code}">{packed}</script>' if alone or _carries() else ""
    script = (PAGE / "notebook.js").read_text(encoding="utf-8").strip()
    return (
        f'<div id="{name}" class="headlab-view"><div></div><div>{still}</div>'
        f'<script type="text/plain">{_packed(carried.text().encode())}</script>{held}'
        f'<script>{script}headlabView.start("{name}","{code}")</script></div>'
    )


@functools.cache
def _code() -> tuple[str, str]:
    """Return the name of the page's code, and the code gzipped in base64."""
    code = (PAGE / "embed.js").read_bytes()
    return hashlib.sha256(code).hexdigest()[:16], _packed(code)


def _packed(data: bytes) -> str:
    """Return bytes gzipped, in base64."""
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def _carries() -> bool:
    """Return whether the cell that runs is the one that carries the code."""
    if "google.colab" in sys.modules:
        return True  # every output is a document of its own there
    cell = _cell()
    if not _carrier:
        _carrier.append(cell)
    return cell is None or _carrier[0] == cell


def _cell() -> object:
    """Return what the cell that runs is known by; None outside of a notebook."""
    try:
        from IPython import get_ipython

        parent: dict[str, Any] = get_ipython().get_parent()  # type: ignore[no-untyped-call,union-attr,unused-ignore]
    except (ImportError, AttributeError):
        return None
    return parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code")
