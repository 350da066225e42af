"""Saved runs as flat tables, one row a fact, for a spreadsheet or another program.

Sentences count from 1, everything else from 0. A token's column is named by its label.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from headlab.analysis.choice import choices
from headlab.analysis.looking.circuits import circuits
from headlab.analysis.parts.contributions import contributions, path_name
from headlab.analysis.subject import run_number
from headlab.errors import SelectionError
from headlab.notation.values import short_repr
from headlab.report.words.minimal import numbered_table

if TYPE_CHECKING:
    from headlab.runs.models import Model, Models
    from headlab.runs.runs import Run, Runs


def table_of(runs: "Runs | Models", name: str, number: int = 0) -> pd.DataFrame:
    """Return a table by its name; `number` is the run that a table of one run is of.

    Raises `SelectionError` for a table or a run that does not exist, or a corpus that has nothing to explain.

    >>> import headlab as hl
    >>> runs = hl.train(hl.Corpus.notebook(), training=hl.TrainConfig.of(steps=3), seeds=range(2))
    >>> list(table_of(runs, "loss").columns)
    ['step', 'run 0', 'run 1']
    """
    if name not in TABLES:
        raise SelectionError(
            f"the table must be one of {', '.join(TABLES)}, got {short_repr(name)}: choose one of them"
        )
    return TABLES[name](runs, run_number(number, len(runs)))


def index_as_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its index as first columns; a token that is named as another column gets `_` behind it.

    >>> index_as_columns(pd.DataFrame([[1, 2, 3]], pd.Index(["a"], name="token"), ["token", "token_", "x"])).columns.tolist()
    ['token', 'token__', 'token_', 'x']
    """
    keys = [str(name) for name in frame.index.names]
    levels = {key: frame.index.get_level_values(place) for place, key in enumerate(keys)}
    columns = frame.set_axis(_unique_names(keys, list(frame.columns)), axis=1).reset_index(drop=True)
    return pd.concat([pd.DataFrame(levels), columns], axis=1)


def _unique_names(keys: Sequence[str], names: Sequence[Hashable]) -> list[str]:
    texts = [str(name) for name in names]
    taken = Counter(keys)
    waiting = set(texts) - set(keys)  # these keep their names, whatever comes before them
    found = []
    for text in texts:
        name = text
        while name in taken or (name != text and name in waiting):
            name += "_"
        taken[name] += 1
        found.append(name)
    return found


def _loss(runs: "Runs | Models", _: int) -> pd.DataFrame:
    from headlab.runs.models import Models

    if isinstance(runs, Models):
        raise SelectionError("a table of losses must be of runs, got models without a training: choose another table")
    columns = {"step": runs.recorded_steps}
    return pd.DataFrame(columns | {f"run {run}": curve for run, curve in enumerate(runs.loss)})


def _predictions(runs: "Runs | Models", number: int) -> pd.DataFrame:
    return _stack(runs[number].predictions())


def _attention(runs: "Runs | Models", number: int) -> pd.DataFrame:
    run = runs[number]
    parts = []
    for layer, head in _heads(run):
        # Key positions by number: sentences name them differently.
        table = _stack([frame.set_axis(range(frame.shape[1]), axis=1) for frame in run.attention(layer, head)])
        table.insert(0, "layer", layer)
        table.insert(1, "head", head)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _stack(frames: list[pd.DataFrame]) -> pd.DataFrame:
    named = [frame.rename_axis("position") for frame in frames]
    return index_as_columns(pd.concat(named, keys=range(1, len(frames) + 1), names=["sentence"]))


def _weights(runs: "Runs | Models", number: int) -> pd.DataFrame:
    parts = []
    for name, weight in runs[number].params.items():
        blocks = weight[None, None] if weight.ndim == 2 else weight
        layer, head, row, column = np.indices(blocks.shape).reshape(4, -1)
        in_head = {"layer": layer, "head": head} if weight.ndim == 4 else {"layer": pd.NA, "head": pd.NA}
        places = {"weight": name, **in_head, "row": row, "column": column}
        parts.append(pd.DataFrame(places | {"value": blocks.ravel()}).astype({"layer": "Int64", "head": "Int64"}))
    return pd.concat(parts, ignore_index=True)


def _scores(runs: "Runs | Models", number: int) -> pd.DataFrame:
    return runs[number].head_scores().drop(columns="run")


def _circuits(runs: "Runs | Models", number: int) -> pd.DataFrame:
    run = runs[number]
    parts = []
    for layer, head in _heads(run):
        found = circuits(run.subject, layer, head)
        for name, frame in found.tables().items():
            rows, columns = (np.repeat(frame.index, frame.shape[1]), np.tile(frame.columns, frame.shape[0]))
            places = {"layer": layer, "head": head, "circuit": name, "row": rows, "column": columns}
            parts.append(pd.DataFrame(places | {"value": frame.to_numpy().ravel()}).astype({"row": str, "column": str}))
    return pd.concat(parts, ignore_index=True)


def _contributions(runs: "Runs | Models", number: int) -> pd.DataFrame:
    return pd.DataFrame(_parts(runs[number])).astype({"source": "Int64"})


def _parts(run: "Run | Model") -> Iterator[dict[str, Any]]:
    """Yield what adds up to every dependency's logit difference: along each path, from each position's embeddings.

    Of models with more than heads: what biases give that a path begins with, and what MLPs write and other biases give.
    """
    corpus = run.corpus
    for item in choices(run.subject):
        place = item.place
        words = {
            "target": corpus.output_names[item.target],
            "rival": ", ".join(corpus.output_names[rival] for rival in item.rivals),
        }
        where = {"sentence": place.sequence + 1, "position": place.position, **words}
        found = contributions(run.subject, place, item.target, item.rivals)
        embeddings = [("token", found.token), ("position", found.position)]
        embeddings += [] if found.read is None else [("bias", found.read)]
        for number, path in enumerate(found.paths):
            for source, token in enumerate(corpus.sentences[place.sequence]):
                for embedding, values in embeddings:
                    at = {"path": path_name(path), "source": source, "source_token": token, "embedding": embedding}
                    yield where | at | {"value": values[0, number, source]}
        for name, gives in found.written.items():
            for source, token in enumerate(corpus.sentences[place.sequence]):
                at = {"path": name, "source": source, "source_token": token, "embedding": None}
                yield where | at | {"value": gives[0, source]}
        rest = {"path": "remainder", "source": None, "source_token": None, "embedding": None}
        yield where | rest | {"value": found.remainder[0]}


def _explanations(runs: "Runs | Models", number: int) -> pd.DataFrame:
    parts = []
    for record in runs[number].explain().records:
        table = index_as_columns(record.table())
        where: dict[str, Any] = {"sentence": record.sequence + 1, "position": record.place, "target": record.target}
        where |= {"rival": record.rival, "mechanism": record.mechanism, "difference": record.difference}
        for place, (name, value) in enumerate(where.items()):
            table.insert(place, name, value)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _sentences(runs: "Runs | Models", number: int) -> pd.DataFrame:
    explanation = runs[number].explain()
    return pd.DataFrame(
        [
            {
                "sentence": record.sequence + 1,
                "position": record.place,
                "token": record.token,
                "target": record.target,
                "rival": record.rival,
                "predicted": ", ".join(record.tied or (record.predicted,)),
                "probability": record.predicted_probability,
                "mechanism": record.mechanism,
                "text": record.sentence,
                "more": record.more,
            }
            for record in explanation.records
        ]
    )


def _heads(run: "Run | Model") -> Iterator[tuple[int, int]]:
    return ((layer, head) for layer in range(run.model.n_layers) for head in range(run.model.n_heads))


TABLES: dict[str, Callable[["Runs | Models", int], pd.DataFrame]] = {
    "runs": lambda runs, _: index_as_columns(runs.table()),
    "loss": _loss,
    "census": lambda runs, _: index_as_columns(runs.explain().census()),
    "mechanisms": lambda runs, _: index_as_columns(runs.explain().table()),
    "minimal": lambda runs, _: numbered_table(runs.explain().minimal()),
    "association": lambda runs, _: index_as_columns(runs.corpus.association()),
    "shapes": lambda runs, number: index_as_columns(runs[number].summary()),
    "predictions": _predictions,
    "attention": _attention,
    "weights": _weights,
    "scores": _scores,
    "circuits": _circuits,
    "contributions": _contributions,
    "explanations": _explanations,
    "sentences": _sentences,
}
