"""The evidence about one choice as plain lists, a row a run: what records are read from, a thousand times without NumPy."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.explanation.clauses import Named
from headlab.analysis.looking.predictions import TIE
from headlab.analysis.part import Word
from headlab.analysis.words import PHRASES
from headlab.arrays import Array, Bool, Int
from headlab.config.model import ModelConfig
from headlab.model.paths import BIASES, mlp_name

if TYPE_CHECKING:
    from headlab.analysis.explanation.evidence import Evidence
    from headlab.analysis.parts.eye import EyeRecord

Rows = list[Any]


@dataclass(frozen=True, eq=False)
class Columns:
    """One list a quantity, [run] and what it is of, made when it is asked for; see `Evidence` and `Record` for what each is."""

    evidence: "Evidence"

    @cached_property
    def shared(self) -> dict[str, Any]:
        """What the records of all runs hold alike: what depends on the choice alone."""
        subject, c = self.evidence.subject, self.evidence.choice
        corpus, other = subject.corpus, c.other
        words = corpus.sentences[c.place.sequence]
        spelled = Word.each(words)
        return {
            "words": words,
            "spelled": spelled,
            "named": tuple(
                Named(part, spelled[part.position] if part.kind == "source" and part.position is not None else None)
                for part in self.evidence.ablations.parts
            ),
            "sequence": c.place.sequence,
            "place": c.place.position,
            "target": corpus.output_names[c.target],
            "other": None if other is None else corpus.sentences[other.sequence],
            "other_sequence": None if other is None else other.sequence,
            "n_layers": subject.model.n_layers,
            "frozen": frozen_words(subject.model),
            "untried": self._untried,
            "bigram_floor": corpus.bigram_floor(),
        }

    @property
    def _untried(self) -> frozenset[int]:
        effects = self.evidence.ablations
        return frozenset(range(len(effects.parts))) - set((effects.cells // len(effects.kinds)).tolist())

    def _named(
        self, there: Bool[Array, "row d_vocab"], runs: Int[Array, " row"] | None = None
    ) -> list[tuple[str, ...]]:
        """Return the tokens that are there, [row], by their words, in an order that the vocabulary's does not decide.

        runs: whose each row is; by default there is one row a run
        """
        subject = self.evidence.subject
        vocabulary = subject.corpus.output_names
        found: list[tuple[str, ...]] = [(vocabulary[token],) for token in there.argmax(axis=-1).tolist()]
        for row in np.nonzero(there.sum(axis=-1) != 1)[0].tolist():
            run = row if runs is None else int(runs[row])
            found[row] = tuple(vocabulary[at] for at in subject.in_order(run, np.nonzero(there[row])[0].tolist()))
        return found

    @cached_property
    def numbers(self) -> dict[str, Rows]:
        """[run] each: what a record holds."""
        found, here, there = self.evidence, self.evidence.here, self.evidence.there
        given, subject = found.contributions, found.subject
        unknown = np.full(subject.n_runs, np.nan)
        best = here.best
        arrays: dict[str, Array] = {
            "predicted_probability": np.take_along_axis(here.probabilities, best[:, None], axis=1)[:, 0],
            "probability": here.probability,
            "other_probability": unknown if there is None else there.probability,
            "difference": here.difference,
            "other_difference": unknown if there is None else there.difference,
            "lead": found.lead,
            "other_lead": found.other_lead,
            "same": found.same,
            "little": found.little,
            "direct": given.direct,
            "positional": given.positional,
            "remainder": given.remainder,
            "mechanism": found.mechanism,
            "loss": subject.mean_loss,
            "finite": subject.finite,
        }
        vocabulary = subject.corpus.output_names
        rivals = np.zeros((subject.n_runs, len(vocabulary)), bool)
        rivals[:, list(found.choice.rivals)] = True
        first = self._named(here.winners)
        words: dict[str, Rows] = {
            "predicted": [vocabulary[token] for token in best.tolist()],
            "rivals": self._named(rivals),
            "right_there": self._named(found.right_there),
            "runners_up": self._named(found.runners_up),
            "tied": [tokens if len(tokens) > 1 else () for tokens in first],
        }
        trials = {"tops": self._tops, "gives": self._gives, "otherwise": self._otherwise, "unchanged": self._unchanged}
        attention = [tuple(map(tuple, layers[-1])) for layers in self.attention]
        others = {"attention": attention, "coding": self._coding, "eye": self._eye}
        return {**words, **trials, **others, **{name: values.tolist() for name, values in arrays.items()}}

    @cached_property
    def rows(self) -> list[tuple[Any, ...]]:
        """[run]: the same, what one record holds."""
        return list(zip(*self.numbers.values(), strict=True))

    @cached_property
    def attention(self) -> Rows:
        """[run][layer][head][position]: the weights at the place, of the positions that its sentence has."""
        return self._attention.tolist()

    @property
    def _attention(self) -> Array:
        return self.evidence.attention[..., : len(self.shared["words"])]

    @property
    def _tops(self) -> Rows:
        """[run][head]: where each head of the last layer looks most; None where it looks at several positions equally."""
        weights = self._attention[:, -1]
        with np.errstate(invalid="ignore"):
            first = weights >= weights.max(axis=-1, keepdims=True) - TIE
        where, single = first.argmax(axis=-1).tolist(), (first.sum(axis=-1) == 1).tolist()
        return [
            [top if alone else None for top, alone in zip(*row, strict=True)] for row in zip(where, single, strict=True)
        ]

    @property
    def _gives(self) -> Rows:
        """[run][part]: what each part adds to the logit difference; nan for a head and for all positions together."""
        given = self.evidence.contributions
        found = np.full((self.evidence.subject.n_runs, len(self.shared["named"])), np.nan)
        for number, part in enumerate(item.part for item in self.shared["named"]):
            if part.kind == "source" and part.position is not None:
                found[:, number] = given.by_source[:, part.position]
            elif part.kind in _DIRECT:
                found[:, number] = getattr(given, _DIRECT[part.kind])
            elif part.kind in ("mlp", "biases"):
                name = BIASES if part.layer is None else mlp_name(part.layer)
                found[:, number] = given.written[name].sum(axis=1)
        return found.tolist()

    @cached_property
    def claims(self) -> Rows:
        """[run][position]: what attribution claims of each source position."""
        return self.evidence.source_claims.tolist()

    @cached_property
    def after(self) -> Rows:
        """[run][part][kind]: the logit difference after each ablation."""
        return self.evidence.ablations.after.difference.tolist()

    @cached_property
    def flips(self) -> Rows:
        """[run][part]: the kinds of ablation that change the prediction."""
        return _which(self.evidence.ablations.flips)

    @property
    def _otherwise(self) -> list[dict[int, dict[str, tuple[str, ...]]]]:
        """[run]: by part and ablation what is predicted instead; nothing where that is what was predicted before."""
        effects = self.evidence.ablations
        found: list[dict[int, dict[str, tuple[str, ...]]]] = [{} for _ in range(self.evidence.subject.n_runs)]
        at = np.nonzero(effects.predicts_otherwise)
        words = self._named(effects.winners[at], at[0])
        for run, part, kind, tokens in zip(*(number.tolist() for number in at), words, strict=True):
            found[run].setdefault(part, {})[effects.kinds[kind]] = tokens
        return found

    @property
    def _unchanged(self) -> Rows:
        """[run][part]: nothing changes without it."""
        return self.evidence.ablations.changes_nothing.tolist()

    @cached_property
    def findings(self) -> Rows:
        """[run][part]: what ablation says of each part."""
        return self.evidence.findings.tolist()

    @cached_property
    def disagree(self) -> Rows:
        """[run][part]: whether its ablations disagree."""
        return self.evidence.ablations.disagree.tolist()

    @property
    def _coding(self) -> list[dict[str, float] | None]:
        split = self.evidence.coding
        if split is None:
            return [None] * self.evidence.subject.n_runs
        parts = ("pattern", "value", "direct")
        names = [*parts, "total", *(f"{name}_share" for name in parts)]
        arrays = [getattr(split, name) for name in (*parts, "total")] + [split.share(name) for name in parts]
        if split.rest is not None:
            names += ["rest", "rest_share"]
            arrays += [split.rest, split.share("rest")]
        return [dict(zip(names, row, strict=True)) for row in np.stack(arrays, axis=1).tolist()]

    @property
    def _eye(self) -> "list[EyeRecord | None]":
        found = self.evidence.eye
        return [None if found is None else found.of(run) for run in range(self.evidence.subject.n_runs)]

    @cached_property
    def patches(self) -> list[dict[str, Any]]:
        """A row a patch and direction: what it was, and [run] each what became of the choice."""
        effects = self.evidence.patches
        if effects is None:
            return []
        return [
            {
                "what": what,
                "direction": direction,
                "before": effects.before.difference[:, 0, way].tolist(),
                "after": effects.after.difference[:, number, way].tolist(),
                "flips": effects.flips[:, number, way].tolist(),
                "predicts": self._named(effects.winners[:, number, way]),
            }
            for number, what in enumerate(effects.names)
            for way, direction in enumerate(effects.kinds)
        ]


def frozen_words(model: ModelConfig) -> tuple[str, ...]:
    """Return what is held as it is while parts are counted, besides patterns; nothing where a model has no more.

    >>> frozen_words(ModelConfig(n_layers=2, d_mlp=8, norm="rms")), frozen_words(ModelConfig())
    (('MLPs', 'norms'), ())
    """
    mlp = "mlp" if model.n_layers == 1 else "mlps"
    return tuple(PHRASES[name] for name, there in ((mlp, model.d_mlp), ("norms", model.norm != "none")) if there)


_DIRECT = {"direct:token": "direct", "direct:position": "positional"}


def _which(there: Array) -> Rows:
    """Return the numbers that are there along the last axis, as lists.

    >>> _which(np.array([[True, False, True], [False, False, False]]))
    [[0, 2], []]
    """
    numbers, ends = np.nonzero(there)[-1].tolist(), there.sum(axis=-1).cumsum().tolist()
    rows: Rows = [numbers[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    for size in reversed(there.shape[1:-1]):
        rows = [rows[start : start + size] for start in range(0, len(rows), size)]
    return rows
