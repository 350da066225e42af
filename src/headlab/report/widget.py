"""The notebook's widget: the lab's views, with the kernel that trained the run behind them."""

from typing import Any

import anywidget
import traitlets

from headlab.report import PAGE
from headlab.report.tables import run_html
from headlab.report.views import Kernel


class View(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """Shows a run; where no widget can be shown (on GitHub, say), its tables."""

    _esm = PAGE / "embed.js"
    frames = traitlets.List(traitlets.Bytes()).tag(sync=True)

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        super().__init__(frames=kernel.first())
        self.on_msg(self._answer)

    def _answer(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        frames = self.kernel.answer(content)
        self.send({"answers": content.get("id")}, buffers=frames)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return what a notebook keeps: the widget, and tables for whoever cannot show one."""
        bundle = super()._repr_mimebundle_(**options)
        parts = bundle if isinstance(bundle, tuple) else (bundle, {})
        still = {"text/plain": repr(self.kernel.shown), "text/html": run_html(self.kernel.shown)}
        return ({**(parts[0] or {}), **still}, *parts[1:])
