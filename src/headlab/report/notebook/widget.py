"""The notebook's widget: the lab's page with a run inside, which needs no process behind it."""

from typing import Any

import anywidget
import traitlets

from headlab.report import PAGE
from headlab.report.carried import Carried
from headlab.report.notebook.html import view_html


class View(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """Shows a run, as often as it is displayed.

    A notebook keeps HTML of it, which lives without a process: saved, exported, opened years later. Where a client wants a widget
    (marimo; a box of ipywidgets), it is one.
    """

    _esm = PAGE / "embed.js"
    carried = traitlets.Unicode().tag(sync=True)

    def __init__(self, carried: Carried, text: str, still: str, *, alone: bool = False) -> None:
        self._kept = carried, text, still, alone
        self._wanted = False
        super().__init__(carried=carried.text())

    def open(self) -> None:
        """Open the way to a client, once one wants a widget: a notebook would keep the page's code with every widget."""
        if self._wanted:
            super().open()

    @property
    def model_id(self) -> str:
        """What a client knows the widget by."""
        if self.comm is None:
            self._wanted = True
            self.open()
        return str(super().model_id)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, str], dict[str, Any]]:
        """Return what a notebook keeps."""
        carried, text, still, alone = self._kept
        return {"text/plain": text, "text/html": view_html(carried, still, alone=alone)}, {}

    def __repr__(self) -> str:
        return self._kept[1]
