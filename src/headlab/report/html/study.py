"""A study as one HTML file: the answer, its figures and tables, the mechanisms, and what was trained."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from headlab.analysis.parts.mechanism import MEANINGS
from headlab.config import ModelConfig, TrainConfig
from headlab.files import write_output
from headlab.report.figures import studies as figures
from headlab.report.html.page import svg, template
from headlab.report.words.minimal import MEANING
from headlab.report.words.study import minimal_table
from headlab.study.hashes import digest

if TYPE_CHECKING:
    from headlab.study.design import StudyDesign
    from headlab.study.study import Study

MOST_PAIRS = 28


def write(study: "Study", path: str | Path, factor: str | None = None) -> Path:
    """Write the page of a study whole or not at all; raises `StudyError`, `OutputError`."""
    write_output(Path(path), render(study, factor).encode())
    return Path(path)


def render(study: "Study", factor: str | None = None) -> str:
    """Return the page of a study as HTML; factor: as in `Study.answer`."""
    design, answer = study.design, study.answer(factor)
    curves = study.curves() if "curves" in design.keep else pd.DataFrame()
    pairs, mechanisms = answer.pairs(), answer.mechanisms()
    return template("study.html.j2").render(
        title=design.title or "A study",
        design=design,
        status=study.status(),
        answer=answer,
        sentences=answer.sentences(),
        how_sure=answer.how_sure(),
        conditions=svg(figures.conditions(answer)),
        pairs=pairs.sort_values("p", kind="stable").head(MOST_PAIRS).sort_index(),
        more_pairs=max(0, len(pairs) - MOST_PAIRS),
        mechanisms=mechanisms,
        meanings={name: MEANINGS[name] for name in mechanisms.columns},
        census=svg(figures.census(answer)) if mechanisms.size else None,
        minimal=minimal_table(answer),
        minimal_meaning=MEANING,
        curves=svg(figures.curves(curves, design.floors)) if len(curves) else None,
        floors=_different(floor for floor, _ in design.floors.values()),
        bigram_floors=_different(floor for _, floor in design.floors.values()),
        steps=_short(design.n_steps),
        settings=shared_settings(design),
        seeds=_seeds(design),
        sha=digest(design.to_dict()),
    )


def shared_settings(design: "StudyDesign") -> dict[str, Any]:
    """Return the fields of model and training that all conditions share, with their values.

    >>> from headlab.data.corpus import Corpus
    >>> from headlab.study.design import StudyDesign
    >>> settings = shared_settings(StudyDesign.grid(Corpus.notebook(), seeds=[0], d_head=[10, 20]))
    >>> settings["n_heads"], "d_head" in settings
    (1, False)
    """
    shared = {}
    for part, kind in (("model", ModelConfig), ("training", TrainConfig)):
        for item in fields(kind):
            values = [getattr(getattr(condition, part), item.name) for condition in design.conditions]
            if item.name != "phases" and all(value == values[0] for value in values):
                shared[item.name] = values[0]
    if len({condition.training.steps for condition in design.conditions}) == 1:
        shared["steps"] = design.conditions[0].training.steps
    words = {condition.training.in_words() for condition in design.conditions}
    if len(words) == 1 and any(phase.changes or phase.freeze for phase in design.conditions[0].training.phases):
        shared["training"] = words.pop()
    return shared


def _different(floors: Iterable[float]) -> list[str]:
    return sorted({f"{floor:.4f}" for floor in floors})


def _seeds(design: "StudyDesign") -> str:
    ranges = design.to_dict()["seeds"]
    parts = [f"{first} to {last - 1}" if last - first > 1 else str(first) for first, last in ranges[:8]]
    return ", ".join(parts) + (" …" if len(ranges) > 8 else "")


def _short(count: int) -> str:
    return (
        f"{count:,}" if count < 1e6 else f"{count / 1e6:.3g} million" if count < 1e9 else f"{count / 1e9:.3g} billion"
    )
