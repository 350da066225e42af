"""The first frame that views get where nothing is trained, in a report or a notebook: what they may ask for."""

from headlab.report.frames.wire import Frame


def hello_frame(*, can_try: bool, can_open: bool) -> Frame:
    """Return what the views must know first: what they may ask for."""
    known = {"notebook": {"fork": None, "before": ""}, "fields": [], "fork_fields": []}
    return Frame("hello", {**known, "can": {"train": False, "try": can_try, "open": can_open}})
