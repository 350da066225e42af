"""One trial on a run, as the frame that the page makes of it: Python has no other use for it.

A part taken away, an activation of the other sentence, a row of the pattern set by hand.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.part import Word
from headlab.analysis.words import TABLE
from headlab.errors import SelectionError
from headlab.report.frames.parts import part_values
from headlab.report.frames.wire import Frame
from headlab.report.words.explanation import prediction_words

if TYPE_CHECKING:
    from headlab.analysis.trials.effects import Effects
    from headlab.runs.runs import Run

SAID = TABLE["trials"]


def trial_frame(run: "Run", asked: Mapping[str, Any]) -> Frame:
    """Return what becomes of a choice of a run after an intervention.

    asked: `part` (its fields, or as `run.ablate` takes it), `patch` (an activation) or `row` (weights by position, with layer,
        head, query); sequence, position: the choice
    The frame: `title`, the trial in words; `part` as `part_values` has it, of an ablation; `name`; `rows`, one a kind
    """
    at = {name: asked.get(name) for name in ("sequence", "position")}
    if "part" in asked:
        return _without(run, run.ablate(asked["part"], **at))
    if "patch" in asked:
        name = str(asked["patch"])
        return _frame(run.patch(name, **at), SAID["patch"].format(what=name), SAID["patched"].format(what=name))
    try:
        row: dict[int | str, float] = {int(key): float(weight) for key, weight in dict(asked.get("row") or {}).items()}
        layer, head = int(asked.get("layer", 0)), int(asked.get("head", 0))
    except (TypeError, ValueError):
        raise SelectionError(
            "a row must be weights by position, layer and head whole numbers: give them as such"
        ) from None
    effects = run.set_pattern(row, layer=layer, head=head, query=asked.get("query"), **at)
    return _frame(effects, SAID["row"], SAID["row"])


def _without(run: "Run", effects: "Effects") -> Frame:
    part, sequence = effects.parts[0], effects.choice.place.sequence
    values = part_values(run.subject, part, sequence)
    words = run.corpus.sentences[sequence]
    at_source = part.kind == "source" and part.position is not None
    name = str(Word.of(words, part.position or 0)) if at_source else effects.names[0]
    return _frame(effects, values["spelling"], SAID["part"].format(part=name), values)


def _frame(effects: "Effects", name: str, title: str, part: dict[str, Any] | None = None) -> Frame:
    said = [
        {"said": words, "possible": bool(np.isfinite(after))}
        for words, after in zip(prediction_words(effects, marks=False), effects.after.difference.ravel(), strict=True)
    ]
    rows = [row | more for row, more in zip(effects.table().to_dict("records"), said, strict=True)]
    return Frame("trial", {"name": name, "part": part, "title": title, "rows": rows})
