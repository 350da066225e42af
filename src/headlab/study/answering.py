"""A study's answer, made from the table of what became of its runs, wherever they are kept."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from headlab.analysis.minimal.solve import ABLATIONS
from headlab.analysis.parts.mechanism import HAIR
from headlab.errors import StudyError
from headlab.notation.values import short_repr
from headlab.study.answer import Answer, Group

if TYPE_CHECKING:
    from headlab.study.conditions import Condition
    from headlab.study.design import StudyDesign

OLD_HAIR = "by a hair"  # as studies called it once


def answer_of(design: "StudyDesign", results: pd.DataFrame, ungraded: int, factor: str | None) -> Answer:
    """Return the answer of a study.

    results: condition, seed, final_loss, grade, outcome, mechanism, sets of every run, in order; ungraded: how many have no hairs
    factor: which field names the conditions, by default the one that differs, or `condition` where there are several
    Raises `StudyError` for no field that differs, or no finished run.
    """
    factors = design.factors or ("d_head",)
    if factor is None:
        factor = factors[0] if len(factors) == 1 else "condition"
    elif factor != "condition" and factor not in factors:
        raise StudyError(
            f"the factor must be one of {', '.join(factors)}, got {short_repr(factor)}: choose one of them"
        )
    rows = dict(tuple(results.groupby("condition")))
    parts: dict[Any, list[pd.DataFrame]] = {}
    for identity, condition in design.identities.items():
        if identity in rows:
            parts.setdefault(_value(condition, factor), []).append(rows[identity])
    if not parts:
        raise StudyError("a study must have finished runs to be summed up, and this one has none: run it")
    groups = tuple(_group(value, pd.concat(frames)) for value, frames in parts.items())
    widths = {condition.shape.d_model for condition in design.conditions}
    d_model = widths.pop() if factor == "d_head" and len(widths) == 1 else None
    return Answer(factor, groups, d_model, ungraded=ungraded)


def _value(condition: "Condition", factor: str) -> Any:
    if factor == "condition":
        return condition.name
    values = dict(condition.factors)
    return values[factor] if factor in values else getattr(condition.model, factor, None)


def _group(value: Any, rows: pd.DataFrame) -> Group:
    mechanism = rows["mechanism"].replace(OLD_HAIR, HAIR).to_numpy(str)
    return Group(
        value,
        rows["seed"].to_numpy(np.uint64),
        rows["final_loss"].to_numpy(float),
        rows["grade"].to_numpy(str),
        rows["outcome"].to_numpy() >= 0,
        mechanism if (mechanism != "").all() else None,
        {kind: rows[f"sets_{kind}"].to_numpy(float, na_value=np.nan) for kind in ABLATIONS},
    )
