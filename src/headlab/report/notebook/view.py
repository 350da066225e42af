"""A widget that shows runs, where the package for it is there."""

from typing import TYPE_CHECKING, Any

from headlab.analysis.subject import run_number
from headlab.errors import HeadlabError
from headlab.report import PAGE
from headlab.report.carried import Carried

if TYPE_CHECKING:
    from headlab.runs.runs import Runs


def view(runs: "Runs", number: int | None = None, *, alone: bool = False) -> Any:
    """Return a widget for Jupyter, VS Code or marimo that shows a run: scrub its training, ablate a part, train another.

    number: the run to show first; by default one with good predictions
    alone: it works whatever becomes of other cells, and is some 250 kB larger; else one cell carries the code for all views
    Raises `SelectionError` for a run that does not exist, `HeadlabError` where the package anywidget is not there.
    """
    try:
        from headlab.report.notebook.widget import View
    except ImportError:
        raise HeadlabError("view() must have the package anywidget: pip install 'headlab[notebook]'") from None
    if not (PAGE / "embed.js").exists():
        raise HeadlabError("view() must have the page, and this headlab was built without: pip install . builds it")
    run = runs[runs.pick() if number is None else run_number(number, len(runs), from_end=True)]
    carried = Carried.of(run, runs, moments=False)
    if carried is None:
        raise HeadlabError(
            "view() must have a run that a notebook can keep, and this one's moments are too large: see its tables"
        )
    return View(carried, repr(run), run._repr_html_(), alone=alone)
