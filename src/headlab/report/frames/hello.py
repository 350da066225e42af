"""What a page hears first: what it may ask for, where its settings begin, how mechanisms are drawn, what words mean."""

from collections.abc import Mapping, Sequence
from typing import Any

from headlab.analysis.words import TABLE
from headlab.report.frames.wire import Frame
from headlab.report.palette import mechanism_colors

UNFORKED = {"fork": None, "before": ""}


def hello_frame(
    *,
    can_try: bool,
    can_open: bool,
    can_train: bool = False,
    notebook: Mapping[str, Any] = UNFORKED,
    fields: Sequence[Mapping[str, Any]] = (),
    fork_fields: Sequence[str] = (),
) -> Frame:
    """Return what a page must know before anything else.

    can_train, can_try, can_open: whether whoever answers trains, tries what becomes of a choice, opens one run of many
    notebook: the settings, as the notebook has them; fields: the rows of those that have a control
    fork_fields: those that may differ before and after a fork
    The frame's `words` are of the one table of what explanations say: what each name means, and each clause measures.

    >>> hello_frame(can_try=True, can_open=False).values["can"]
    {'train': False, 'try': True, 'open': False}
    """
    return Frame(
        "hello",
        {
            "notebook": dict(notebook),
            "fields": list(fields),
            "fork_fields": list(fork_fields),
            "can": {"train": can_train, "try": can_try, "open": can_open},
            "palette": mechanism_colors(),
            "words": {
                **{name: TABLE[name] for name in ("mechanisms", "ablations", "coding")},
                "measures": {kind: clause["measure"] for kind, clause in TABLE["clauses"].items()},
            },
        },
    )
