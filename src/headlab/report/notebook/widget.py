"""The notebook's widget: the lab's views, with the process that trained the run behind them."""

import contextlib
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import anywidget
import traitlets

from headlab.errors import SelectionError
from headlab.report import PAGE
from headlab.report.notebook.answerer import Answerer

if TYPE_CHECKING:
    from headlab.runs.runs import Runs

_shown: WeakValueDictionary[str, "View"] = WeakValueDictionary()


class View(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """Shows a run, as often as it is displayed; where no widget can be shown (on GitHub, say), its tables."""

    _esm = PAGE / "embed.js"
    frames = traitlets.List(traitlets.Bytes()).tag(sync=True)

    def __init__(self, answerer: Answerer) -> None:
        self.answerer = answerer
        super().__init__(frames=answerer.first())
        self.on_msg(self._answer)

    @classmethod
    def of(cls, runs: "Runs", number: int) -> "View":
        """Return the view of a run: the one that is there, where these or equal runs are shown already."""
        answerer = Answerer(runs, number)
        name = f"{answerer.name} {number}"
        view = _shown.get(name)
        if view is None or view.comm is None:  # closed
            view = _shown[name] = cls(answerer)
        view.answerer = answerer  # of equal runs, those that are in use
        return view

    def _answer(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        self.send({"view": content.get("view")}, buffers=self.answerer.answer(content))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return what a notebook keeps: the widget, and tables for whoever cannot show one."""
        bundle = super()._repr_mimebundle_(**options)
        parts = bundle if isinstance(bundle, tuple) else (bundle, {})
        still = {}
        with contextlib.suppress(SelectionError):  # the runs have gone
            run = self.answerer.runs[self.answerer.number]
            still = {"text/plain": repr(run), "text/html": run._repr_html_()}
        return ({**(parts[0] or {}), **still}, *parts[1:])
