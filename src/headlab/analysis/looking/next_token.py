"""What models predict after a text that they need not have been trained on."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from headlab.analysis.clean import flat_on
from headlab.analysis.subject import NUMBERS_AT_A_TIME, run_number
from headlab.arrays import Array, Float, Int
from headlab.config.blocks import BLOCKS, refuse
from headlab.config.model import ModelConfig
from headlab.data.batch import ABSENT, Batch
from headlab.data.corpus import Corpus
from headlab.data.order import inverse
from headlab.data.text import join_tokens
from headlab.engine.activations import activations
from headlab.errors import SelectionError
from headlab.model.order import reordered_flat
from headlab.model.outputs import sigmoid, softmax
from headlab.model.params import Params
from headlab.notation.numbers import percent, quantity
from headlab.notation.values import short_repr

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_ROWS = 10


@dataclass(frozen=True, eq=False)
class NextToken:
    """What one model or many predict after a text.

    text: as the corpus writes it; words [position]: its tokens, the start token included; vocabulary [d_vocab_out]: what can
        come next
    logits [*run, d_vocab]: at the last position; attention [*run, layer, head, position]: where that position looks
    causal: whether the models have a causal mask
    """

    text: str
    words: tuple[str, ...]
    vocabulary: tuple[str, ...]
    logits: Float[Array, "*run d_vocab"]
    attention: Float[Array, "*run layer head position"]
    causal: bool

    @property
    def n_runs(self) -> int | None:
        """The number of models, or None for one without a run axis."""
        return len(self.logits) if self.logits.ndim > 1 else None

    def __getitem__(self, run: int) -> "NextToken":
        """Return what one of many models predicts; raises `SelectionError`."""
        if self.n_runs is None:
            raise SelectionError(
                f"a run must be one of many, got {short_repr(run)} for a prediction of one: leave it out"
            )
        number = run_number(run, self.n_runs, from_end=True)
        return replace(self, logits=self.logits[number], attention=self.attention[number])

    @cached_property
    def probs(self) -> Float[Array, "*run d_vocab"]:
        """softmax(logits) [*run, d_vocab], the probabilities that the softmax loss sees."""
        return softmax(self.logits)

    @cached_property
    def sigmoid(self) -> Float[Array, "*run d_vocab"]:
        """sigmoid(logits) [*run, d_vocab], the output that the notebook prints."""
        return sigmoid(self.logits)

    @property
    def ids(self) -> Int[Array, "*run"]:
        """[*run]: the id of the most likely token."""
        return np.asarray(self.logits.argmax(axis=-1))

    @property
    def token(self) -> str:
        """The most likely token; of many models, the one that most of them find most likely."""
        counts = np.bincount(np.atleast_1d(self.ids), minlength=len(self.vocabulary))
        return self.vocabulary[int(counts.argmax())]

    def table(self) -> pd.DataFrame:
        """Return one row a token, the most likely first.

        One model: logit, probability (softmax), sigmoid (what the notebook prints). Many: the share of the models that find
        it most likely (predicted), and the mean and quantiles of its probability.
        """
        if self.n_runs is None:
            columns = {"logit": self.logits, "probability": self.probs, "sigmoid": self.sigmoid}
            order = np.argsort(-self.logits, kind="stable")
        else:
            predicted = np.bincount(self.ids, minlength=len(self.vocabulary)) / self.n_runs
            spread = np.quantile(self.probs, QUANTILES, axis=0)
            columns = {"predicted": predicted, "probability": self.probs.mean(axis=0, dtype=float)}
            columns |= {f"q{100 * share:02.0f}": values for share, values in zip(QUANTILES, spread, strict=True)}
            order = np.lexsort((-columns["probability"], -predicted))
        frame = pd.DataFrame(columns, index=pd.Index(self.vocabulary, name="token"))
        return frame.iloc[order]

    def looks(self) -> pd.DataFrame:
        """Return the attention of the last position: a row a layer and head, a column a position; the mean of many models."""
        attention = self.attention if self.n_runs is None else self.attention.mean(axis=0, dtype=float)
        layers, heads, _ = attention.shape
        rows = [f"layer {layer}, head {head}" for layer, head in np.ndindex(layers, heads)]
        columns = [f"{position} {word}" for position, word in enumerate(self.words)]
        return pd.DataFrame(attention.reshape(layers * heads, -1), index=rows, columns=columns)

    def __repr__(self) -> str:
        first = self.table().iloc[:3]
        if self.n_runs is None:
            told = [f"{token} {row['probability']:.3f}" for token, row in first.iterrows()]
        else:
            told = [f"{token} by {percent(row['predicted'])}" for token, row in first.iterrows()]
        more = f", {len(self.vocabulary) - 3} more" if len(self.vocabulary) > 3 else ""
        runs = "" if self.n_runs is None else f", {quantity(self.n_runs, 'run')}"
        return f"NextToken(after {self.text!r}{runs}: {', '.join(told)}{more})"

    def _repr_html_(self) -> str:
        import html

        table, left = self.table().iloc[:MOST_ROWS], len(self.vocabulary) - MOST_ROWS
        parts = [f"<p><b>{html.escape(repr(self))}</b></p>", table.to_html(float_format="{:.3f}".format)]
        parts += [f"<p>… and {quantity(left, 'more token')}.</p>"] if left > 0 else []
        return "\n".join([*parts, self.looks().to_html(float_format="{:.3f}".format)])


def next_token(params: Params, corpus: Corpus, model: ModelConfig, text: str) -> NextToken:
    """Return what models [*run] predict after a text of the corpus' vocabulary.

    text: the beginning of a sentence, without the start token; an ellipsis at its end may be there or not; may be empty
    where there is a start token. A model without a causal mask sees no more than the text either.
    Raises `CorpusError` for unknown words, `SelectionError` for a text longer than the model's positions or models whose
    numbers are not finite.

    >>> from headlab.model.initial import initial
    >>> corpus, model = Corpus.notebook(), ModelConfig()
    >>> params = initial(model.on(corpus), np.arange(3, dtype=np.uint64))
    >>> found = next_token(params, corpus, model, "woman ordered the …")
    >>> found.words, found.logits.shape, found.attention.shape
    (('<Start>', 'woman', 'ordered', 'the'), (3, 7), (3, 1, 1, 4))
    """
    refuse(model.on(corpus), "predictions of texts", [name for name in BLOCKS if name != "pairs"])
    ids = corpus.encode(text)
    _check_length(ids, params)
    many = params if params.run_shape else params[None]
    logits, attention = _at_the_end(many, corpus, model, ids)
    _check_finite(logits, attention, one=not params.run_shape)
    words = tuple(corpus.vocabulary[token] for token in ids)
    said = join_tokens(list(words), corpus.tokens_are, corpus.start)
    result = NextToken(said, words, corpus.output_names, logits, attention, model.causal)
    return result if params.run_shape else result[0]


def _at_the_end(
    params: Params, corpus: Corpus, model: ModelConfig, ids: Int[Array, " position"]
) -> tuple[Float[Array, "run d_vocab"], Float[Array, "run layer head position"]]:
    """Return the logits at the last position of a text, and where it looks from there."""
    # In the order of the corpus, beside padding: so sums have the order, the length and the bits that they have there.
    order, last = corpus.batch.order, len(ids) - 1
    tokens = np.full((1, max(len(ids), corpus.n_ctx)), ABSENT)
    tokens[0, : len(ids)] = ids
    targets = np.where(np.arange(tokens.size) == last, 0, ABSENT)[None]  # nobody looks at them
    batch = Batch.equally_weighted(tokens, targets, corpus.d_vocab, corpus.d_vocab_out).renumbered(order)
    shape, found = model.on(batch), []
    outputs = inverse(order) if batch.names_tokens else np.arange(batch.n_outputs)
    step = max(1, NUMBERS_AT_A_TIME // (tokens.size**2 * model.n_layers * model.n_heads))
    for start in range(0, params.run_shape[0], step):
        flat = reordered_flat(flat_on(batch, params[start : start + step]), order, shape)
        seen = activations(batch, shape, flat, ["logits", "pattern"], declared=True)
        found.append((seen["logits"][:, 0, last, outputs], seen["pattern"][:, :, :, 0, last, : len(ids)]))
    logits, attention = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return logits, attention


def _check_length(ids: Int[Array, " position"], params: Params) -> None:
    if len(ids) == 0:
        raise SelectionError("the text must have at least one token, as there is no start token, got none: write one")
    of_positions = [weight.shape[-2] for weight in (params.W_pos, params.W_R) if weight is not None]
    most = min(of_positions, default=len(ids))
    if len(ids) > most:
        raise SelectionError(
            f"the text must have at most {most} tokens, start token included, as the model has {most} positions, "
            f"got {len(ids)}: take {len(ids) - most} away"
        )


def _check_finite(
    logits: Float[Array, "*run d_vocab"], attention: Float[Array, "*run layer head position"], one: bool
) -> None:
    finite = np.asarray(np.isfinite(logits).all(axis=-1) & np.isfinite(attention).all(axis=(-1, -2, -3)))
    if finite.all():
        return
    if one:
        raise SelectionError(
            "predictions must be of a run whose numbers are finite, and this one diverged: choose another run"
        )
    wrong = np.nonzero(~finite)[0].tolist()
    which = ", ".join(map(str, wrong[:5])) + (", …" if len(wrong) > 5 else "")
    raise SelectionError(
        f"predictions must be of runs whose numbers are finite, got {len(wrong)} of {len(finite)} that diverged "
        f"(run {which}): leave them out, with runs[runs.finished]"
    )
