"""What heads do on examples that were not trained on: how much of each kind they are, where they look, what they copy.

All of it is counted over queries on held-out examples (the corpus, where nothing is drawn), a piece at a time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from headlab.analysis.clean import Clean
from headlab.analysis.looking.head_scores import KINDS, copying
from headlab.analysis.subject import Subject, run_number
from headlab.arrays import Array, Bool, Float, Int
from headlab.config.model import ModelConfig
from headlab.data.batch import Batch
from headlab.data.held_out import held_out
from headlab.model.forward import allowed
from headlab.model.matrices import token_circuit

EXAMPLES = 512
NUMBERS_AT_A_TIME = 4_000_000  # of a pattern
DUPLICATE, ANSWER, ASKED_KEY, EVEN = "duplicate_token", "answer", "asked_key", "even_look"
MOST_READ = 3


@dataclass(frozen=True)
class Reading:
    """How much of a head's attention goes to one distance, position or token, and how much would if it looked alike everywhere.

    what: the distance (query - key), the position, or the token's spelling
    """

    what: int | str
    share: float
    even: float


@dataclass(frozen=True)
class HeadRole:
    """What one head of one run does.

    scores: by kind, the mean attention to the places of the kind, over the queries that have such places; nan: there are none
        `previous_token`, `current_token`, `first_token`, `prefix_matching`, `duplicate_token` (other places with the query's
        token), `answer` (places that hold the target) and, of pairs, `asked_key` (places whose first token is the second one of
        the query); and `even_look`, how much of it is as an even look would have it, Σ min(attention, 1 / places seen)
    evenly: what a head that looks at all places alike would score; queries: over how many queries each is a mean: those with
        such places, and in the last layer with a target, since nothing reads the others
    n_examples: on how many sequences; asked_alone: whether the head is in the last layer
    distances, positions, tokens: what gets most attention beyond what looking alike everywhere would give, most first; over
        queries with a target alone where `asked_alone` (in the last layer), over all queries in those before it
    raises_own, lowers_own: how many of the vocabulary's tokens raise, or lower, their own logit most of all, when they are read
        as they were embedded; None where outputs are no tokens. copying: from -1 to 1, nan there
    """

    layer: int
    head: int
    scores: Mapping[str, float]
    evenly: Mapping[str, float]
    queries: Mapping[str, int]
    n_examples: int
    asked_alone: bool
    distances: tuple[Reading, ...]
    positions: tuple[Reading, ...]
    tokens: tuple[Reading, ...]
    raises_own: int | None
    lowers_own: int | None
    n_tokens: int
    copying: float


def held_out_scores(subject: Subject, n: int = EXAMPLES) -> pd.DataFrame:
    """Return one row a run, layer and head with its scores on n held-out examples, columns as `HeadRole.scores`, and copying.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(2, np.uint64)), corpus, ModelConfig())
    >>> list(held_out_scores(subject).columns)[3:]
    ['previous_token', 'current_token', 'first_token', 'prefix_matching', 'duplicate_token', 'answer', 'even_look', 'copying']
    """
    scores = _Scores(subject.model)
    for batch, pattern in _patterns(subject, n):
        scores.add(batch, pattern)
    index = dict(zip(("run", "layer", "head"), np.indices(_heads(subject)).reshape(3, -1), strict=True))
    of_kinds = {name: values.ravel() for name, values in scores.means().items()}
    return pd.DataFrame(index | of_kinds | {"copying": copying(subject.params, subject.model).ravel()})


def head_roles(subject: Subject, run: int = 0, n: int = EXAMPLES) -> tuple[HeadRole, ...]:
    """Return what every head of a run does on n held-out examples, layer by layer; raises `SelectionError`.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> [(role.layer, role.head, role.queries["previous_token"]) for role in head_roles(subject)]
    [(0, 0, 8)]
    """
    number = run_number(run, subject.n_runs)
    one = subject[slice(number, number + 1)]
    scores, tally = _Scores(one.model, asked=True), _Tally(one)
    for batch, pattern in _patterns(one, n):
        scores.add(batch, pattern)
        tally.add(batch, pattern[0])
    factors = token_circuit(one.params, one.model)
    table = None if factors is None else (factors[0] @ factors[1])[0]
    copied = copying(one.params, one.model)[0]
    return tuple(_role(scores, tally, table, copied, *head) for head in np.ndindex(_heads(one)[1:]))


def _role(
    scores: "_Scores",
    tally: "_Tally",
    table: Float[Array, "layer head d_vocab d_vocab"] | None,
    copied: Float[Array, "layer head"],
    layer: int,
    head: int,
) -> HeadRole:
    raises, lowers = (None, None) if table is None else _own(table[layer, head])
    distances, positions, tokens = (tally.most_read(name, layer, head) for name in ("distances", "positions", "tokens"))
    return HeadRole(
        layer=layer,
        head=head,
        scores={name: float(mean[0, layer, head]) for name, mean in scores.means().items()},
        evenly={
            name: float(total[layer] / max(scores.queries[name][layer], 1)) for name, total in scores.evenly.items()
        },
        queries={name: int(count[layer]) for name, count in scores.queries.items()},
        n_examples=tally.n_examples,
        asked_alone=layer == tally.model.n_layers - 1,
        distances=distances,
        positions=positions,
        tokens=tokens,
        raises_own=raises,
        lowers_own=lowers,
        n_tokens=tally.dataset.d_vocab,
        copying=float(copied[layer, head]),
    )


def _own(table: Float[Array, "d_vocab d_vocab"]) -> tuple[int, int]:
    """Return how many tokens raise, and how many lower, their own logit most of all; one that changes none does neither."""
    own, writes = np.arange(len(table)), np.ptp(table, axis=-1) > 0
    return int((writes & (table.argmax(axis=-1) == own)).sum()), int((writes & (table.argmin(axis=-1) == own)).sum())


def _heads(subject: Subject) -> tuple[int, int, int]:
    return subject.n_runs, subject.model.n_layers, subject.model.n_heads


def places_on(
    batch: Batch, model: ModelConfig
) -> dict[str, tuple[Bool[Array, "sequence position position"], Bool[Array, "sequence position"]]]:
    """Return where heads of every kind look [sequence, query, key], and the queries [sequence, query] that see such places.

    duplicate_token: other places that the query sees and that hold its own token
    answer: places that a query with a target sees and that hold it, as the token, or as the second of two
    asked_key: places whose first token is the second of a query with a target
    """
    tokens, targets = batch.tokens, batch.targets
    found = {name: places(tokens) for name, places in KINDS.items()}
    sees = allowed(tokens, model.causal)
    same = sees & (tokens[:, :, None] == tokens[:, None, :]) & ~np.eye(batch.n_ctx, dtype=bool)
    found[DUPLICATE] = same, same.any(axis=2)
    sees = sees & (targets >= 0)[:, :, None]
    if model.pairs:
        first, second = np.divmod(tokens, batch.n_outputs)
        looked_for = {ANSWER: (targets, second), ASKED_KEY: (second, first)}
    elif batch.d_vocab_out is not None:
        looked_for = {}
    else:
        looked_for = {ANSWER: (targets, tokens)}
    for name, (wanted, held) in looked_for.items():
        where = sees & (wanted[:, :, None] == held[:, None, :])
        found[name] = where, where.any(axis=2)
    return found


def even_look(
    batch: Batch, model: ModelConfig
) -> tuple[Float[Array, "sequence position position"], Bool[Array, "sequence position"]]:
    """Return the attention of a head that looks alike at all that a query sees, and the queries that see more than one place."""
    sees = allowed(batch.tokens, model.causal)
    count = sees.sum(axis=-1, keepdims=True)
    return sees / np.maximum(count, 1), count[..., 0] > 1


class _Scores:
    """How much attention went to the places of each kind, by run, layer and head, and how much would if it were even.

    asked: in the last layer over queries with a target alone, since nothing reads the others
    """

    def __init__(self, model: ModelConfig, *, asked: bool = False) -> None:
        self.model, self.asked = model, asked
        self.sums: dict[str, Float[Array, "run layer head"]] = {}
        self.queries: dict[str, Int[Array, " layer"]] = {}
        self.evenly: dict[str, Float[Array, " layer"]] = {}

    def add(self, batch: Batch, pattern: Float[Array, "run layer head sequence position position"]) -> None:
        """Count one piece of examples."""
        even, several = even_look(batch, self.model)
        counted = np.ones((self.model.n_layers, *batch.targets.shape), bool)
        if self.asked:
            counted[-1:] = batch.targets >= 0
        for name, (where, queries) in places_on(batch, self.model).items():
            self._count(
                name, counted & queries, np.einsum("...sqk,sqk->...sq", pattern, where), (even * where).sum(axis=-1)
            )
        self._count(EVEN, counted & several, np.minimum(pattern, even).sum(axis=-1), even.sum(axis=-1))

    def _count(
        self,
        name: str,
        queries: Bool[Array, "layer sequence position"],
        looked: Float[Array, "run layer head sequence position"],
        even: Float[Array, "sequence position"],
    ) -> None:
        layers = self.model.n_layers
        self.sums[name] = self.sums.get(name, 0.0) + np.einsum("rlhsq,lsq->rlh", looked, queries)
        self.queries[name] = self.queries.get(name, np.zeros(layers, int)) + queries.sum(axis=(1, 2))
        self.evenly[name] = self.evenly.get(name, np.zeros(layers)) + np.einsum("sq,lsq->l", even, queries)

    def means(self) -> dict[str, Float[Array, "run layer head"]]:
        """Return the mean attention to each kind; nan where no query sees such a place."""
        counts = {name: np.where(count > 0, count, np.nan)[:, None] for name, count in self.queries.items()}
        return {name: total / counts[name] for name, total in self.sums.items()}


class _Tally:
    """How much attention went to each distance, position and token, by layer and head, and how much would if it were even.

    In the last layer of queries with a target alone.
    """

    def __init__(self, subject: Subject) -> None:
        self.model, self.dataset, self.n_examples = subject.model, subject.dataset, 0
        n_ctx = subject.dataset.n_ctx
        shape, self.n_ctx = _heads(subject)[1:], n_ctx
        sizes = {"distances": 2 * n_ctx - 1, "positions": n_ctx, "tokens": subject.dataset.d_vocab}
        self.share, self.even = ({name: np.zeros((*shape, size)) for name, size in sizes.items()} for _ in range(2))

    def add(self, batch: Batch, pattern: Float[Array, "layer head sequence position position"]) -> None:
        """Count one piece of examples."""
        self.n_examples += batch.n_sequences
        even, _ = even_look(batch, self.model)
        for layer, head in np.ndindex(pattern.shape[:2]):
            last = layer == self.model.n_layers - 1
            asked = (batch.targets >= 0 if last else batch.tokens >= 0)[..., None]
            for sums, attention in ((self.share, pattern[layer, head]), (self.even, even)):
                self._add(sums, layer, head, batch.tokens, attention * asked)

    def _add(
        self,
        sums: dict[str, Float[Array, "layer head number"]],
        layer: int,
        head: int,
        tokens: Int[Array, "sequence position"],
        attention: Float[Array, "sequence position position"],
    ) -> None:
        of_keys, of_places = attention.sum(axis=1), attention.sum(axis=0)
        n = tokens.shape[1]
        distance = np.arange(n)[:, None] - np.arange(n)[None, :] + self.n_ctx - 1
        size = sums["distances"].shape[-1]
        sums["distances"][layer, head] += np.bincount(distance.ravel(), of_places.ravel(), size)
        sums["positions"][layer, head, :n] += of_keys.sum(axis=0)
        there = tokens >= 0
        sums["tokens"][layer, head] += np.bincount(tokens[there], of_keys[there], sums["tokens"].shape[-1])

    def most_read(self, name: str, layer: int, head: int) -> tuple[Reading, ...]:
        """Return what gets most attention beyond an even look, the most first; nothing that gets no more than that."""
        share, even = (sums[name][layer, head] for sums in (self.share, self.even))
        total = max(float(share.sum()), 1e-300)
        beyond = (share - even) / total
        order = [int(at) for at in np.argsort(-beyond, kind="stable")[:MOST_READ] if beyond[at] > 0]
        return tuple(
            Reading(self._spelled(name, at), float(share[at] / total), float(even[at] / total)) for at in order
        )

    def _spelled(self, name: str, at: int) -> int | str:
        if name == "tokens":
            return self.dataset.corpus.vocabulary[at]
        return at - self.n_ctx + 1 if name == "distances" else at


def _patterns(
    subject: Subject, n: int
) -> Iterator[tuple[Batch, Float[Array, "run layer head sequence position position"]]]:
    """Yield some held-out examples at a time, with the pattern of every head on them."""
    dataset = subject.dataset
    of_one = int(np.prod(_heads(subject))) * dataset.n_ctx**2
    for batch in held_out(dataset, n, at_a_time=max(1, NUMBERS_AT_A_TIME // of_one)):
        yield batch, Clean.of(subject.params, batch, subject.model, threads=0).pattern
