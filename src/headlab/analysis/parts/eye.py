"""What draws the eye: which feature of a key, for which feature of the query, makes attention differ between two places.

Let the last layer look from a place here and from another place there. With A the attention and V what each key's value says
about the choice, in slots (a key here and the key there that answers to it, see `data.alignment`), the pattern makes

    P = sum over heads and slots of (A_here - A_there) (V_here + V_there) / 2

of the change of the logit difference. Where that is at least 1/3 of the change, the pattern decides. Then the score of each
slot, a sum over features of query and key (token, position, what each earlier head wrote), is taken apart:

    score = sum over i, j of part[i, j]        part[i, j] = r_i[query] W_QK r_j[key]ᵀ / sqrt(d_head)

Tried: a part here is exchanged for the one there, in every head of the last layer, all else fixed, softmax again. It is enough if
that undoes at least 2/3 of P (and at most 4/3). Named is the finest of these that is enough, and of it all that are:

    1. one part: a feature of the query with a feature of one key      2. a feature of one key, whatever the query
    3. a feature of the query, whatever the keys                       4. two parts together
    5. two features of keys together                                   6. all that one key is      7. all that two keys are

Where none is enough, nothing is named. Where a part is larger here than there, the key draws the eye here; else the key there
draws it there, and not here. What becomes of the prediction with all named parts exchanged is measured, too.

What an earlier head wrote is a sum over what it read, position by position. Each of these is exchanged alone for its counterpart
there, and those that undo at least 1/3 of what the whole part does are what that head read. In several layers P is what the last
layer makes of the change: what patterns of earlier layers make of the values that it reads is no part of it.

Where the query differs between the places it may add the same to all keys, which softmax does not see: the median over the
slots of what the query makes of a part is taken out. Of several ways to align the places each run takes the one whose keys with
no counterpart give least; where they give more than 1/10 of the change, or this is less than 1e-6, nothing is named.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from headlab.analysis.choice import Choice, Place
from headlab.analysis.looking.predictions import TIE
from headlab.analysis.part import Word, head_name
from headlab.analysis.parts.aligned_rows import AlignedRows
from headlab.analysis.parts.coding import least
from headlab.analysis.parts.exact import behind_heads
from headlab.analysis.parts.eye_search import EVERY, MOST_TOGETHER, Named, search
from headlab.analysis.subject import NUMBERS_AT_A_TIME, Subject
from headlab.analysis.words import PHRASES, THRESHOLDS
from headlab.arrays import Array, Bool, Float
from headlab.data.alignment import alignments
from headlab.model.paths import BIASES, DISTANCE, Feature, all_features, mlp_layer, mlp_name
from headlab.notation.numbers import quantity

TOKEN, POSITION, HEAD, EVERYTHING = "token", "position", "head", "everything"
MLP = "MLP"
KINDS = (TOKEN, POSITION, HEAD, MLP, BIASES, DISTANCE, EVERYTHING)
ALIKE = 6  # decimals of shares that decide which is the larger one
DECIDES = THRESHOLDS["decides"]  # of the change between the places: what the last layer's pattern makes of it, at least
MOST_UNPAIRED = THRESHOLDS["unpaired"]  # of the change: what keys with no counterpart give, at most


@dataclass(frozen=True, eq=False)
class Eye:
    """What draws the eye at a choice's place, held against each of its other places, for all models at once.

    features: what the residual stream consists of before the last layer; named: the parts of scores that are named
    makes [run, other]: what the last layer's pattern makes of the change, over the change; nan where there is none
    undone [run, other]: which share of that is undone with all named parts exchanged; nan where nothing is named
    logits [run, other, d_vocab]: what is predicted then; nan where nothing is named
    """

    subject: Subject
    choice: Choice
    features: tuple[Feature, ...]
    makes: Float[Array, "run other"]
    undone: Float[Array, "run other"]
    logits: Float[Array, "run other d_vocab"]
    named: Named

    def __repr__(self) -> str:
        return f"Eye(told of {len(np.unique(self.named.run))} of {quantity(self.subject.n_runs, 'model')})"

    @property
    def decides(self) -> Bool[Array, "run other"]:
        """[run, other]: the last layer's pattern makes at least 1/3 of the change."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.makes >= DECIDES)

    def of(self, run: int) -> "EyeRecord | None":
        """Return what draws the eye in one model, against all other places; None where nothing is named."""
        rows = range(*self._rows[run : run + 2])
        if not rows:
            return None
        (makes, undone), (flips, tokens, found) = self._means[run], self._predicted[run]
        return EyeRecord(
            parts=_merged([self._drawn(row) for row in rows]),
            makes=makes,
            undone=undone,
            flips=flips,
            predicts=tuple([self.subject.corpus.output_names[token] for token in tokens[:found]]),
        )

    @cached_property
    def _rows(self) -> list[int]:
        """[run + 1]: the first of the named parts of each run."""
        return np.searchsorted(self.named.run, np.arange(self.subject.n_runs + 1)).tolist()

    @cached_property
    def flips(self) -> Bool[Array, " run"]:
        """[run]: with all named parts exchanged another token is predicted, against whichever place something is named."""
        place = self.choice.place
        before = self.subject.clean.logits[:, place.sequence, place.position]
        with np.errstate(invalid="ignore"):
            first = before >= before.max(axis=1, keepdims=True) - TIE
        return np.asarray(self._told.any(axis=1) & ~(self._likely & first[:, None]).any(axis=(1, 2)))

    @property
    def _told(self) -> Array:
        return np.isfinite(self.undone)

    @cached_property
    def _likely(self) -> Array:
        """[run, other, token]: it is most likely with all named parts exchanged."""
        with np.errstate(invalid="ignore"):
            return self.logits >= self.logits.max(axis=-1, keepdims=True) - TIE

    @cached_property
    def _predicted(self) -> list[tuple[bool, list[int], int]]:
        """[run]: whether it flips, tokens, first those that are predicted then, the most likely first, how many these are."""
        highest = np.where(self._likely, self.logits, -np.inf).max(axis=1, initial=-np.inf)
        columns = self.flips, np.argsort(-highest, axis=1, kind="stable"), self._likely.any(axis=1).sum(axis=1)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    @cached_property
    def _means(self) -> list[list[float]]:
        """[run][2]: over the other places where something is named, the mean of `makes` and the least of `undone`."""
        told = self._told
        makes = np.where(told, self.makes, 0).sum(axis=1) / np.maximum(told.sum(axis=1), 1)
        return np.stack([makes, np.where(told, self.undone, np.inf).min(axis=1, initial=np.inf)], axis=1).tolist()

    @cached_property
    def _columns(self) -> list[tuple[Any, ...]]:
        """The named parts as plain rows, without what was read."""
        names = ("other", "key", "other_key", "query_feature", "key_feature", "here", "alone", "undone", "by_query")
        return list(zip(*(getattr(self.named, name).tolist() for name in names), strict=True))

    def _drawn(self, row: int) -> "Drawn":
        other, key, other_key, query_feature, key_feature, here, alone, undone, by_query = self._columns[row]
        at, position = (self.choice.place, key) if here else (self.choice.others[other], other_key)
        every, named = key == EVERY, self.named
        return Drawn(
            here=here,
            sequence=at.sequence,
            query=self._spot(query_feature, at.sequence, at.position, named.query_read, row),
            key=None if every else self._spot(key_feature, at.sequence, position, named.key_read, row),
            slot=None if every else key,
            by_query=by_query,
            undone=undone,
            alone=alone,
        )

    def _spot(self, number: int, sequence: int, position: int, read: Array, row: int) -> "Spot":
        feature = EVERYTHING if number == EVERY else self.features[number]
        words, labels = self.subject.corpus.sentences[sequence], self._labels[sequence]
        if isinstance(feature, str) and (layer := mlp_layer(feature)) is not None:
            return Spot(MLP, words[position], position, (layer, 0), label=labels[position])
        if isinstance(feature, str):
            return Spot(feature, words[position], position, label=labels[position])
        found = tuple(np.nonzero(read[row])[0].tolist())
        read_words, read_labels = (tuple(some[at] for at in found) for some in (words, labels))
        return Spot(HEAD, words[position], position, feature, found, read_words, labels[position], read_labels)

    @cached_property
    def _labels(self) -> dict[int, list[str]]:
        """By sentence of the choice's places: its words as a sentence names them."""
        sentences, places = self.subject.corpus.sentences, (self.choice.place, *self.choice.others)
        return {at.sequence: list(map(str, Word.each(sentences[at.sequence]))) for at in places}


@dataclass(frozen=True)
class Spot:
    """A feature of a query or a key.

    kind: `token` (what stands there), `position`, `head` (what an earlier head wrote there), `MLP` (the same of an MLP),
        `biases`, `distance` (from the query), `everything`
    word, position: where it stands in its sentence; head: (layer, head), of an MLP its layer
    read, read_words: where that head found what matters of what it read, positions and words
    label, read_labels: the words as a sentence names them, by their number where they stand there more than once
    """

    kind: str
    word: str
    position: int
    head: tuple[int, int] | None = None
    read: tuple[int, ...] = ()
    read_words: tuple[str, ...] = ()
    label: str = ""
    read_labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The feature in words.

        >>> Spot("token", "man", 1).name, Spot("position", "man", 1).name, Spot("head", "the", 3, (0, 0), (1,), ("man",)).name
        ('“man”', 'position 1', 'what head 0.0 read from “man” at “the”')
        """
        label = self.label or str(Word(self.word))
        match self.kind, self.head:
            case "head", (layer, head):
                words = self.read_labels or [str(Word(word)) for word in self.read_words]
                read = f" {PHRASES['and']} ".join(words)
                at = {"head": head_name(layer, head), "place": label}
                return PHRASES["read" if read else "wrote"].format(words=read, **at)
            case "MLP", (layer, _):
                return PHRASES["wrote"].format(head=mlp_name(layer), place=label)
            case "biases" | "distance", _:
                return PHRASES[self.kind].format(place=label)
            case "position", _:
                return PHRASES["position"].format(position=self.position)
            case "token", _:
                return label
        return label

    def joined(self, other: "Spot") -> "Spot":
        """Return it with all that was read here or in another finding of the same feature."""
        told = zip(self.read_words + other.read_words, self.read_labels + other.read_labels, strict=True)
        read = dict(zip(self.read + other.read, told, strict=True))
        words, labels = zip(*(read[at] for at in sorted(read)), strict=True) if read else ((), ())
        return replace(self, read=tuple(sorted(read)), read_words=words, read_labels=labels)


@dataclass(frozen=True)
class Drawn:
    """A part of a score that draws the eye, in one sentence: a feature of the query with a feature of the key.

    here: it does so at the choice's place, else at the other one; sequence: the sentence where it does
    key: None for every key; slot: the position of the key here, which the key there answers to
    by_query: how much of what differs between the places is the query's, from 0 to 1; the rest is the key's
    undone: which share of what the pattern makes is undone with it alone exchanged; alone: that is enough, without another
    """

    here: bool
    sequence: int
    query: Spot
    key: Spot | None
    slot: int | None
    by_query: float
    undone: float
    alone: bool

    def order(self) -> tuple[Any, ...]:
        """Return by what several are put in order: here first, then by position and kind, the weightiest first."""
        spots = [spot or Spot(EVERYTHING, "", -1) for spot in (self.key, self.query)]
        kinds = [(spot.position, KINDS.index(spot.kind), spot.head or (-1, -1), spot.read) for spot in spots]
        return not self.here, *kinds, -round(self.undone, ALIKE), [(spot.word, spot.read_words) for spot in spots]

    @property
    def what(self) -> tuple[Any, ...]:
        """What it is, whatever was read and measured."""
        spots = (None if spot is None else (spot.kind, spot.position, spot.head) for spot in (self.query, self.key))
        return self.here, self.sequence, *spots

    def joined(self, other: "Drawn") -> "Drawn":
        """Return it with what the same is against another place, too: all that was read, the smaller share."""
        query, key = self.query.joined(other.query), self.key and other.key and self.key.joined(other.key)
        least = self if round(self.undone, ALIKE) <= round(other.undone, ALIKE) else other
        return replace(least, query=query, key=key, alone=self.alone and other.alone)


@dataclass(frozen=True)
class Told:
    """What one clause says: all of these keys draw the eye of all of these queries, here or in the other sentence.

    keys: None for every key: then it is the queries that turn the eye; slots: the positions of these keys here
    """

    here: bool
    keys: tuple[Spot | None, ...]
    slots: tuple[int | None, ...]
    queries: tuple[Spot, ...]


@dataclass(frozen=True)
class EyeRecord:
    """What draws the eye at a choice's place in one model, as plain values.

    parts: those that draw it here first; makes: what the last layer's pattern makes of the change, mean over the other places
    undone: which share of that is undone with all of them exchanged, the least over the other places
    flips: that changes the prediction, against whichever other place; predicts: what is most likely then, the most likely first
    """

    parts: tuple[Drawn, ...]
    makes: float
    undone: float
    flips: bool
    predicts: tuple[str, ...]

    def told(self) -> list["Told"]:
        """Return what is to be said: parts with the same query together, and then queries with the same keys."""
        if len(self.parts) == 1:
            part = self.parts[0]
            return [Told(part.here, (part.key,), (part.slot,), (part.query,))]
        found: list[Told] = []
        for here, query in dict.fromkeys((part.here, part.query) for part in self.parts):
            # What is the same word for word in several other sentences is said once.
            some = dict.fromkeys(
                (part.key, part.slot) for part in self.parts if (part.here, part.query) == (here, query)
            )
            keys, slots = zip(*some, strict=True)
            same = [number for number, one in enumerate(found) if (one.here, one.keys) == (here, keys)]
            if same:
                found[same[0]] = replace(found[same[0]], queries=(*found[same[0]].queries, query))
            else:
                found.append(Told(here, keys, slots, (query,)))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    def table(self) -> pd.DataFrame:
        """Return a row a part: where and by what the eye is drawn, and which share of what the pattern makes it undoes."""
        rows = [
            {
                "in sentence": part.sequence,
                "draws": "every key" if part.key is None else part.key.name,
                "the eye of": part.query.name,
                "undone": part.undone,
                "all undone": self.undone,
                "without": " or ".join(self.predicts),
            }
            for part in self.parts
        ]
        return pd.DataFrame(rows)


def _merged(parts: list[Drawn]) -> tuple[Drawn, ...]:
    if len(parts) == 1:
        return tuple(parts)
    found: dict[Any, Drawn] = {}
    for part in parts:
        found[part.what] = found[part.what].joined(part) if part.what in found else part
    return tuple(sorted(found.values(), key=Drawn.order))


def eye(subject: Subject, choice: Choice) -> Eye:
    """Return what draws the eye at a choice's place in each model.

    >>> import headlab as hl
    >>> run = hl.train(hl.Corpus.notebook(), seeds=3)[0]
    >>> found = eye(run.subject, run.choice(sequence=0).choice)
    >>> found, [(part.key.name, part.query.name) for part in found.of(0).parts]
    (Eye(told of 1 of 1 model), [('“man”', '“the”')])
    """
    shape = subject.n_runs, len(choice.others)
    makes, undone = np.full((2, *shape), np.nan)
    logits = np.full((*shape, subject.corpus.n_outputs), np.nan)
    found = []
    for number, there in enumerate(choice.others if subject.model.n_layers else ()):
        for rows in _aligned(subject, choice, there):
            makes[rows.runs, number] = rows.share
            with np.errstate(invalid="ignore"):
                told = (rows.share >= DECIDES) & (rows.unpaired <= MOST_UNPAIRED * np.abs(rows.change))
            for some in _in_batches(rows[told & subject.finite[rows.runs]]):
                for find in search(some, number):
                    undone[find.rows.runs, number] = find.rows.undone(find.lowered[:, None])[:, 0]
                    logits[find.rows.runs, number] = find.rows.logits(find.lowered)
                    found.append(find.named)
    names = all_features(subject.model, subject.model.n_layers - 1)
    return Eye(subject, choice, names, makes, undone, logits, Named.joined(found, subject.corpus.n_ctx))


def _aligned(subject: Subject, choice: Choice, there: Place) -> Iterator[AlignedRows]:
    """Yield the rows to compare, of each model in the alignment whose keys with no counterpart give least."""
    places = choice.place, there
    w = [behind_heads(subject, (at.sequence, at.position), choice.target, choice.rivals) for at in places]
    (a, b), tokens = ((place.sequence, place.position) for place in places), subject.corpus.tokens
    ways = [
        AlignedRows.of(subject, choice, (w[0], w[1]), there, alignment)
        for alignment in alignments(tokens, a, b, subject.model.causal)
    ]
    with np.errstate(invalid="ignore"):
        best = least(np.stack([rows.unpaired for rows in ways], axis=1))
    for number, rows in enumerate(ways):
        if (best == number).any():
            yield rows[best == number] if len(ways) > 1 else rows


def _in_batches(rows: AlignedRows) -> Iterator[AlignedRows]:
    n_features = len(all_features(rows.subject.model, rows.subject.model.n_layers - 1))
    _, heads, slots = rows.value.shape
    a_run = heads * slots * (4 * n_features**2 + slots) + MOST_TOGETHER**2 * heads * slots
    step = max(1, NUMBERS_AT_A_TIME // a_run)
    for start in range(0, len(rows.runs), step):
        yield rows[start : start + step]
