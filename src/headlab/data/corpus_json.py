"""A corpus as a file holds it: the check that plain values are what headlab wrote."""

from collections.abc import Mapping
from typing import Any

from headlab.data.letters import HALF_A_CHARACTER, KINDS, WORDS
from headlab.errors import CorpusError

_MAY_LACK = {"tokens", "targets", "weights", "outputs"}


def corpus_parts(fields: Any) -> dict[str, Any]:
    """Return what a corpus is built from, of its plain values; raises `CorpusError` for what headlab did not write.

    >>> plain = {"sequences": [[0, 1]], "vocabulary": ["a", "b"], "labels": ["a", "b"], "start": None, "wrap": True}
    >>> corpus_parts(plain)["sequences"], corpus_parts({**plain, "targets": [[-1, 0]]})["targets"]
    ([[0, 1]], [[-1, 0]])
    """
    given = dict(fields) if isinstance(fields, Mapping) else {}
    rows, start, kind = given.get("sequences"), given.get("start"), given.get("tokens", WORDS)
    targets, weights = given.get("targets"), given.get("weights")
    order, labels, outputs = (_texts(given.get(name)) for name in ("vocabulary", "labels", "outputs"))
    lengths = [len(row) for row in rows] if isinstance(rows, list) and _are_rows(rows, (int,)) else []
    fit = {
        "vocabulary": order is not None and len(set(order)) == len(order),
        "labels": order is not None and labels is not None and len(labels) == len(order),
        "sequences": bool(lengths) and all(lengths) and _are_ids(rows, 0, len(order or ())),
        "start": "start" in given and (start is None or _texts([start]) is not None),
        "wrap": isinstance(given.get("wrap"), bool),
        "tokens": kind in KINDS,
        "targets": _are_rows(targets, (int,), lengths) and _are_ids(targets, -1, len(outputs or order or ())),
        "weights": _are_rows(weights, (int, float), lengths),
        "outputs": outputs is not None and len(outputs) > 0 and len(set(outputs)) == len(outputs),
    }
    wrong = [name for name in {**fit, **given} if not fit.get(name, False) and (name in given or name not in _MAY_LACK)]
    if wrong:
        raise CorpusError(f"a corpus must be what headlab wrote, got other {', '.join(wrong)}: restore the file")
    return {
        "sequences": rows,
        "vocabulary": order,
        "labels": labels,
        "start": start,
        "wrap": given["wrap"],
        "tokens_are": kind,
        "targets": targets,
        "weights": weights,
        "outputs": outputs,
    }


def _texts(given: Any) -> tuple[str, ...] | None:
    texts = isinstance(given, list | tuple) and all(isinstance(text, str) for text in given)
    return tuple(given) if texts and not any(map(HALF_A_CHARACTER.search, given)) else None


def _are_rows(rows: Any, kinds: tuple[type, ...], lengths: list[int] | None = None) -> bool:
    """Return whether there are rows of numbers, as long as they must be where that is known."""
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return False
    fits = lengths is None or [len(row) for row in rows] == lengths
    return fits and all(type(number) in kinds for row in rows for number in row)


def _are_ids(rows: Any, low: int, count: int) -> bool:
    return all(low <= token < count for row in rows for token in row)
