"""How many explanations there are: the minimal sets of every run and dependency, in numbers and in words."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from headlab.analysis.choice import Choice, Place, each_choice
from headlab.analysis.minimal.solve import ABLATIONS, Sufficient, solve
from headlab.analysis.part import Part, head_name
from headlab.analysis.subject import Subject, run_number
from headlab.analysis.trials.spelling import spelling
from headlab.analysis.words import TABLE
from headlab.arrays import Array, Float, Int, Shaped
from headlab.config.model import ModelConfig
from headlab.data.corpus import Corpus
from headlab.data.dependencies import Dependency
from headlab.notation.numbers import percent, quantity

NOTHING_KEPT = TABLE["sets"]["nothing"]  # a set of no parts: without all of them, the right token leads
MOST_ROWS = 100  # in a notebook


@dataclass(frozen=True, eq=False)
class MinimalSets:
    """All minimal sets of parts that suffice for the right prediction, of every run, dependency and ablation.

    names: what each run is called; places, targets, found: a dependency each, where it is, its target's id, and the sets of every
    run by ablation, None where that is not possible; see `solve`

    >>> import headlab as hl
    >>> found = hl.train(hl.Corpus.notebook(), seeds=3)[0].explain().minimal()
    >>> found.count(0, 0, "zero"), found.table()["in_words"][0]
    (2, '1 man + 3 the; 1 man + 2 ordered + direct path + own position')
    """

    corpus: Corpus
    model: ModelConfig
    names: tuple[object, ...]
    places: tuple[Place, ...]
    targets: tuple[int, ...]
    found: tuple[dict[str, list[Sufficient | None]], ...]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> "MinimalSets":
        run = run_number(number, len(self), from_end=True)
        found = tuple({kind: sets[run : run + 1] for kind, sets in each.items()} for each in self.found)
        return replace(self, names=(self.names[run],), found=found)

    def of(self, run: int, dependency: int, ablation: str) -> Sufficient | None:
        """Return the sets of one run and dependency by one ablation; None where that is not possible."""
        return self.found[dependency][ablation][run]

    def count(self, run: int, dependency: int, ablation: str) -> int:
        """Return how many minimal sets there are; 0 where the prediction is not right, or the ablation is not possible."""
        return int(self.counts[run, dependency, ABLATIONS.index(ablation)])

    def sizes(self, run: int, dependency: int) -> dict[str, tuple[int, int, int]]:
        """Return by ablation that is possible how many minimal sets there are, of how many parts, and how many were left."""
        return {
            kind: (len(item.sets), len(item.parts), item.left)
            for kind in ABLATIONS
            if (item := self.of(run, dependency, kind)) is not None
        }

    @cached_property
    def counts(self) -> Int[Array, "run dependency ablation"]:
        """[run, dependency, ablation]: how many minimal sets there are, as `count` has it."""
        counts = np.zeros((len(self), len(self.found), len(ABLATIONS)), int)
        for dependency, each in enumerate(self.found):
            for kind, sets in each.items():
                counts[:, dependency, ABLATIONS.index(kind)] = [0 if item is None else len(item.sets) for item in sets]
        return counts

    def by_run(self, ablation: str) -> Float[Array, " run"]:
        """Return [run]: the largest number of minimal sets that a dependency has; nan where one has none."""
        counts = self.counts[:, :, ABLATIONS.index(ablation)]
        return np.where((counts > 0).all(axis=1), counts.max(axis=1, initial=0), np.nan)

    def table(self) -> pd.DataFrame:
        """Return one row a run, dependency and ablation: sets, the smallest, monotone, parts tried and left, in words."""
        rows = [
            {
                **where,
                "sets": len(item.sets),
                "smallest": item.smallest,
                "monotone": item.monotone if item.sets else None,
                "parts": len(item.parts),
                "left": item.left,
                "in_words": "; ".join(words),
            }
            for where, item, words in self._rows()
        ]
        columns = (
            "name",
            "sequence",
            "position",
            "target",
            "ablation",
            "sets",
            "smallest",
            "monotone",
            "parts",
            "left",
        )
        return pd.DataFrame(rows, columns=[*columns, "in_words"]).astype({"smallest": "Int64", "monotone": "boolean"})

    def to_list(self) -> list[dict[str, Any]]:
        """Return plain values, a mapping a run, dependency and ablation; parts are spelled as `--ablate` reads them."""
        return [
            {
                "run": where["name"],
                **{name: value for name, value in where.items() if name != "name"},
                "parts": [spelling(part) for part in item.parts],
                "left": item.left,
                "monotone": item.monotone if item.sets else None,
                "sets": [[spelling(item.parts[number]) for number in one] for one in item.sets],
                "in_words": words,
            }
            for where, item, words in self._rows()
        ]

    def distribution(self) -> pd.DataFrame:
        """Return one row an ablation and number of sets: right predictions (a run's at a dependency), and their share."""
        rows = []
        for number, kind in enumerate(ABLATIONS):
            counts = self.counts[:, :, number]
            values, times = np.unique(counts[counts > 0], return_counts=True)
            rows += [
                {"ablation": kind, "sets": int(value), "predictions": int(n), "share": n / times.sum()}
                for value, n in zip(values, times, strict=True)
            ]
        table = pd.DataFrame(rows, columns=["ablation", "sets", "predictions", "share"])
        return table.set_index(["ablation", "sets"])

    def by_group(self, groups: Shaped[Array, " run"]) -> pd.DataFrame:
        """Return one row a group: in what share of its runs there is exactly one set, and the most that a run has, by ablation.

        groups: [run], what each run belongs to; of its runs those count that have sets at every dependency, see `by_run`
        """
        columns: dict[str, Any] = {}
        for kind in ABLATIONS:
            counts = pd.Series(self.by_run(kind), groups).dropna()
            columns[f"one_{kind}"] = (counts == 1).groupby(level=0).mean()
            columns[f"most_{kind}"] = counts.groupby(level=0).max().astype("Int64")
        return pd.DataFrame(columns)

    def _rows(self) -> Iterator[tuple[dict[str, Any], Sufficient, list[str]]]:
        """Yield every run's dependencies and ablations: which one it is, its sets, and these in words."""
        for run, dependency, kind in product(range(len(self)), range(len(self.found)), ABLATIONS):
            item, place = self.of(run, dependency, kind), self.places[dependency]
            if item is not None:
                where = {"name": self.names[run], "sequence": place.sequence, "position": place.position}
                where |= {"target": self.corpus.output_names[self.targets[dependency]], "ablation": kind}
                names = [part_words(part, self.corpus, place, self.model) for part in item.parts]
                yield where, item, [" + ".join(names[number] for number in one) or NOTHING_KEPT for one in item.sets]

    def __repr__(self) -> str:
        parts = []
        for kind in ABLATIONS:
            counts = self.counts[:, :, ABLATIONS.index(kind)]
            counts = counts[counts > 0]
            if counts.size:
                most = quantity(int(counts.max()), "set")
                parts.append(f"{kind}: exactly one in {percent(float(np.mean(counts == 1)))}, at most {most}")
        return f"MinimalSets({quantity(len(self), 'run')}; {'; '.join(parts) or 'nothing is predicted right'})"

    def _repr_html_(self) -> str:
        table = self.table()
        left = len(table) - MOST_ROWS
        more = f"<p>… and {quantity(left, 'more row')}: <code>table()</code> has them all.</p>" if left > 0 else ""
        return f"<p><b>{escape(repr(self))}</b></p>\n{table.head(MOST_ROWS).to_html(index=False)}{more}"


def part_words(part: Part, corpus: Corpus, place: Place, model: ModelConfig) -> str:
    """Return a part in words: an edge by what is read, and by what reads it where the model has several heads.

    >>> part_words(Part("edge", 0, 0, position=1, query=3), Corpus.notebook(), Place(0, 3), ModelConfig(n_heads=2))
    '1 man by head 0.0'
    >>> part_words(Part("edge", 0, 0, position=1, query=2), Corpus.notebook(), Place(0, 3), ModelConfig(n_layers=2))
    '2 ordered → 1 man by head 0.0'
    """
    if part.kind != "edge" or part.position is None or part.query is None:
        return part.label(corpus, place.sequence)
    at = [f"{number} {word}" for number, word in enumerate(corpus.sentences[place.sequence])]
    key = at[part.position] if part.query == place.position else f"{at[part.query]} → {at[part.position]}"
    return key if model.n_layers * model.n_heads == 1 else f"{key} by {head_name(part.layer, part.head)}"


def minimal_sets(
    subject: Subject,
    names: Sequence[object],
    asked: Sequence[Dependency | Choice],
    progress: Callable[[float], None] | None = None,
) -> MinimalSets:
    """Find the minimal sets of every run at some dependencies, or for choices that are given.

    progress: called with the share of the work that is done
    """
    found: list[dict[str, list[Sufficient | None]]] = [{kind: [] for kind in ABLATIONS} for _ in asked]
    for runs, some in subject.in_batches():
        for number, item in enumerate(asked):
            each: dict[int, dict[str, Sufficient | None]] = {}
            for chosen, choice in each_choice(some, item).groups():
                solved = solve(some.some(chosen), choice)
                each |= {run: {kind: solved[kind][at] for kind in ABLATIONS} for at, run in enumerate(chosen.tolist())}
            for kind, sets in found[number].items():
                sets += [each[run][kind] for run in range(some.n_runs)]
            if progress is not None:
                progress((runs.start + some.n_runs * (number + 1) / len(asked)) / subject.n_runs)
    places = [item.place if isinstance(item, Choice) else Place(item.sequence, item.position) for item in asked]
    targets = (item.target for item in asked)
    return MinimalSets(subject.corpus, subject.model, tuple(names), tuple(places), tuple(targets), tuple(found))
