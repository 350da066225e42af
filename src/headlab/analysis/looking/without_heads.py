"""What models can still do when a head is taken away, on examples that they were not trained on.

What the head writes, z, becomes, at every place, in the examples of a batch that are looked at together:

    zero        0
    mean        what it is on average in the batch's examples that have the place
    resample    what it is there in the batch's next example; what that one is too short for stays
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import pandas as pd

from headlab.analysis.clean import flat_on
from headlab.analysis.looking.held_out import Answers, HeldOut, check_n, measured, of_logits
from headlab.analysis.subject import Subject
from headlab.data.batch import Batch
from headlab.data.held_out import held_out, mixed_inputs
from headlab.engine.look import Look
from headlab.errors import SelectionError
from headlab.model.interventions import Case, Change
from headlab.notation.values import listing, short_repr

BATCH, ROWS = 512, 8192  # examples that are looked at together, at most, and their positions
WAYS = {"zero": "zero", "mean": "mean", "resample": "from"}  # and what each is called in the kernel


@dataclass(frozen=True, eq=False)
class WithoutHeads:
    """How models do without each of their heads.

    whole: with all of them; without: by layer, head and way of taking it away
    """

    whole: HeldOut
    without: dict[tuple[int, int, str], HeldOut]

    def table(self) -> pd.DataFrame:
        """Return one row a run, layer, head and way, its columns as `HeldOut.table`; layer and head -1: nothing is taken away."""
        parts = {(-1, -1, ""): self.whole, **self.without}
        tables = [
            found.table().reset_index().assign(layer=layer, head=head, removed=way)
            for (layer, head, way), found in parts.items()
        ]
        table = pd.concat(tables, ignore_index=True)
        first = ["run", "layer", "head", "removed"]
        return table[[*first, *(name for name in table if name not in first)]]

    def __repr__(self) -> str:
        heads = len({(layer, head) for layer, head, _ in self.without})
        return f"WithoutHeads({heads} heads of {len(self.whole.loss)} runs on {self.whole.n_examples:,} examples)"

    def _repr_html_(self) -> str:
        return self.table().to_html(float_format="{:.4f}".format)


def without_heads(
    subject: Subject, n: int = BATCH, *, exact: bool = False, ways: Sequence[str] = tuple(WAYS), seed: int = 0
) -> WithoutHeads:
    """Return how every model does without each head in turn, on n held-out examples, or exactly on all inputs.

    ways: zero, mean or resample, of batches of 512 examples, fewer where these are long; of a dataset that is not drawn, of its
        sentences; where these are all inputs, they are in a drawn order
    seed: of the data, and of that order. Raises `SelectionError` for another way, `ConfigError` as `held_out`.

    >>> import headlab as hl
    >>> runs = hl.train(hl.Corpus.notebook(), seeds=range(2), record="none")
    >>> without_heads(runs.subject, ways=["zero"]).table()[["head", "removed", "token_accuracy"]].values.tolist()
    [[-1, '', 0.9], [-1, '', 0.9], [0, 'zero', 0.8], [0, 'zero', 0.8]]
    """
    check_n(n)
    for way in ways:
        if way not in WAYS:
            raise SelectionError(f"a head must be removed by {listing(WAYS)}, got {short_repr(way)}")
    model = subject.model

    all_of_them = exact or subject.dataset.stream is None
    size = max(2, min(BATCH, ROWS // subject.corpus.n_ctx))

    def batches() -> Iterator[Batch]:
        if all_of_them:
            return mixed_inputs(subject.dataset, size, seed=seed)
        return held_out(subject.dataset, n, size, seed=seed)

    of = partial(measured, subject, exact=all_of_them)
    found = {
        (layer, head, way): of(batches(), answering=partial(_without, layer=layer, head=head, how=WAYS[way]))
        for layer, head, way in product(range(model.n_layers), range(model.n_heads), ways)
    }
    return WithoutHeads(of(batches()), found)


def _without(subject: Subject, batch: Batch, *, layer: int, head: int, how: str) -> Answers:
    """Return what models answer without a head."""
    n = batch.n_sequences
    cases = [Case(row, (Change("z", how, layer, head, donor=(row + 1) % n),)) for row in range(n)]
    logits = Look(batch, subject.model.on(batch), flat_on(batch, subject.params)).logits(cases)
    return of_logits(logits, batch)
