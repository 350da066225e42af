"""What gives what in the models of a subject, exactly: by the kernel, or with what lies between frozen where that is more."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from headlab.arrays import Array, Float, Int
from headlab.config.blocks import blocks_of
from headlab.engine.parts import Parts
from headlab.model.frozen import Frozen, Sizes, keys, queries
from headlab.model.params import Params
from headlab.model.paths import BIASES, Path, has_biases, mlp_name

if TYPE_CHECKING:
    from headlab.analysis.subject import Subject

FEW = 8  # sequences, whose activations are all handed over; of more only what is asked about
Place = tuple[int, int]  # sequence, position


@dataclass(frozen=True, eq=False)
class FrozenParts:
    """What `Parts` answers, of models with blocks that the kernel takes no parts of: see `headlab.model.frozen`.

    readout [d_vocab], of methods: how much of each token's logit is asked about, at a place (sequence, position)
    sizes: by how much norms divide in the sentence that is asked about, where that shall not be what it is
    """

    subject: "Subject"
    sizes: Sizes | None = None

    def along(
        self, place: Place, readout: Float[Array, " d_vocab"], paths: Sequence[Path]
    ) -> tuple[Float[Array, "run path source"], Float[Array, "run path source"]]:
        """Return what token and position embeddings give along each path, by the position at which it starts."""
        frozen, (sequence, position), on = self.frozen(place[0]), place, self.subject.clean
        flows = [frozen.flow(readout[None], position, path)[:, 0] for path in paths]
        token, positional = (
            np.stack([(G * embed).sum(axis=-1) for G in flows], axis=1)
            for embed in (on.in_sentence("token_embed", sequence), on.in_sentence("pos_embed", sequence))
        )
        return token, positional

    def read(
        self, place: Place, readout: Float[Array, " d_vocab"], paths: Sequence[Path]
    ) -> Float[Array, "run path source"]:
        """Return what biases that the first head of each path reads with give along it, by the position that it reads.

        Without residual connection only what heads of the first layer read with: of later ones no path begins.
        """
        frozen = self.frozen(place[0])
        none = np.zeros((self.subject.n_runs, self.subject.corpus.n_ctx))
        known = [
            frozen.read_by_first(readout[None], place[1], path)[:, 0] if path and has_biases(frozen.model) else none
            for path in paths
        ]
        return np.stack(known, axis=1)

    def written(self, place: Place, readout: Float[Array, " d_vocab"]) -> dict[str, Float[Array, "run position"]]:
        """Return what each MLP writes, and what biases that no path begins with give, along all that is behind them."""
        frozen, model = self.frozen(place[0]), self.subject.model
        found: dict[str, Array] = {}
        if model.d_mlp:
            mlp_out = self.subject.clean.in_sentence("mlp_out", place[0])
            for layer, G in enumerate(frozen.adjoints(readout[None], place[1])[1:]):
                found[mlp_name(layer)] = (frozen.to_mlp(layer, G)[:, 0] * mlp_out[:, layer]).sum(axis=-1)
        if has_biases(model):
            first = model.n_layers if model.residual else 1
            found[BIASES] = frozen.constants(readout[None], place[1], first)[:, 0]
        return found

    def edges(
        self, place: Place, readout: Float[Array, " d_vocab"]
    ) -> Float[Array, "run layer head position position"]:
        """Return what is read along each edge of the place's sentence, [..., query, key], seen through all behind it."""
        return self.edges_in(place, readout, place[0])

    def edges_in(
        self, place: Place, readout: Float[Array, " d_vocab"], sequence: int
    ) -> Float[Array, "run layer head position position"]:
        """Return the same of the edges of any sentence, as if they were those of the place's."""
        on, model = self.subject.clean, self.subject.model
        pattern, v = on.in_sentence("pattern", sequence), on.in_sentence("v", sequence)
        W_O = self.subject.params.W_O
        writes = v if W_O is None else v @ W_O
        G = [self.behind_heads(place, readout, layer)[:, None] for layer in range(model.n_layers)]
        return np.asarray(pattern * (np.stack(G, axis=1) @ np.swapaxes(writes, -1, -2))) if G else pattern

    def adjoints(
        self,
        place: Place,
        readout: Float[Array, " d_vocab"],
        patterns: Float[Array, "run layer head position position"] | None = None,
    ) -> Float[Array, "run stream position d_model"]:
        """Return what a vector before each layer, and after the last, adds to the readout; patterns: others, of the sentence."""
        return np.stack([G[:, 0] for G in self.frozen(place[0], patterns).adjoints(readout[None], place[1])], axis=1)

    def totals(self, place: Place, readout: Float[Array, " d_vocab"]) -> Float[Array, " run"]:
        """Return the readout itself."""
        return np.asarray(self.subject.clean.logits[:, place[0], place[1]] @ readout)

    def of_scores(
        self, layer: int, queries_at: Sequence[Place], keys_at: Sequence[Place], runs: Int[Array, " some"] | None = None
    ) -> Float[Array, "some head query key query_feature key_feature"]:
        """Return the scores of a layer's heads, before the mask, sums over `all_features` of queries and keys."""
        some = slice(None) if runs is None else runs
        found = []
        for sequence, position in queries_at:
            q = self.queries(layer, sequence, [position])[some, :, 0]
            k = np.concatenate([self.keys(layer, row, [key], position)[some] for row, key in keys_at], axis=2)
            found.append(np.einsum("rhid,rhkjd->rhkij", q, k) * self.subject.model.scale)
        return np.stack(found, axis=2)

    def queries(
        self, layer: int, sequence: int, positions: Sequence[int]
    ) -> Float[Array, "run head position feature d_head"]:
        """Return the parts of the queries of a layer's heads at some positions."""
        return queries(self.frozen(sequence), self.subject.clean, layer, sequence, positions)

    def keys(
        self, layer: int, sequence: int, positions: Sequence[int], query: int
    ) -> Float[Array, "run head position feature d_head"]:
        """Return the parts of the keys of a layer's heads at some positions, for a query at a position of the sentence."""
        return keys(self.frozen(sequence), self.subject.clean, layer, sequence, positions, query)

    def past_heads(self, place: Place, readout: Float[Array, " d_vocab"]) -> Float[Array, "run d_model"]:
        """Return what a vector that is embedded at the place adds to the readout past all heads."""
        return self.frozen(place[0]).flow(readout[None], place[1], ())[:, 0, place[1]]

    def behind_heads(
        self, place: Place, readout: Float[Array, " d_vocab"], layer: int
    ) -> Float[Array, "run position d_model"]:
        """Return what a vector that heads of a layer write at each position adds to the readout."""
        return self.all_behind(place, readout[None], layer)[:, 0]

    def all_behind(
        self, place: Place, readouts: Float[Array, "case d_vocab"], layer: int
    ) -> Float[Array, "run case position d_model"]:
        """Return the same for several readouts."""
        frozen = self.frozen(place[0])
        return frozen.to_heads(layer, frozen.adjoints(readouts, place[1])[layer + 1])

    def frozen(self, sequence: int, patterns: Float[Array, "run layer head query key"] | None = None) -> Frozen:
        """Return the models in one sentence, frozen; patterns: others."""
        subject = self.subject
        held = subject.clean.in_sentence("pattern", sequence) if patterns is None else patterns
        return Frozen(subject.params, subject.model, held, self._sizes(sequence))

    def at(self, sequence: int, position: int, runs: Int[Array, " some"]) -> Frozen:
        """Return some of the models, frozen, for vectors that all stand at one position."""
        subject, sizes = self.subject, self._sizes(sequence)
        named = {name: getattr(sizes, name) for name in ("first", "second", "final")}
        there = Sizes(**{name: None if one is None else one[runs][..., [position]] for name, one in named.items()})
        return Frozen(subject.params[runs], subject.model, subject.clean.in_sentence("pattern", sequence)[runs], there)

    def _sizes(self, sequence: int) -> Sizes:
        return Sizes.of(self.subject.model, self.subject.clean, sequence) if self.sizes is None else self.sizes


def exact(subject: "Subject") -> Parts | FrozenParts:
    """Return the parts of all models of a subject, patterns as they are."""
    if has_blocks(subject):
        return FrozenParts(subject)
    on, corpus = subject.clean, subject.corpus
    asked = corpus.batch, subject.model.on(corpus), subject.flat
    if corpus.n_sequences <= FEW:
        return Parts(*asked, on.pattern, on.z)
    return Parts(*asked, patterns_in=partial(on.in_sentence, "pattern"))


def has_blocks(subject: "Subject") -> bool:
    """Return whether models have more than heads that add to a stream: then what lies between is frozen."""
    return bool(blocks_of(subject.model.on(subject.corpus)))


def past_heads(subject: "Subject", place: Place, target: int, rivals: Sequence[int]) -> Float[Array, "run d_model"]:
    """Return what a vector embedded at a place adds to logit(target) - mean over rivals of logit(rival) past all heads."""
    if has_blocks(subject):
        return FrozenParts(subject).past_heads(place, compared(subject.corpus.n_outputs, target, rivals))
    return readout(subject.params, target, rivals)


def behind_heads(subject: "Subject", place: Place, target: int, rivals: Sequence[int]) -> Float[Array, "run d_model"]:
    """Return what a vector that heads of the last layer write at a place adds to that difference."""
    if has_blocks(subject):
        asked = compared(subject.corpus.n_outputs, target, rivals)
        return FrozenParts(subject).behind_heads(place, asked, subject.model.n_layers - 1)[:, place[1]]
    return readout(subject.params, target, rivals)


def readout(params: Params, target: int, rivals: Sequence[int]) -> Float[Array, "run d_model"]:
    """Return w [run, d_model] with logit(target) - mean over rivals of logit(rival) = resid · w, nothing between."""
    if params.W_U is not None:
        return np.asarray(params.W_U[..., target] - params.W_U[..., list(rivals)].mean(axis=-1))
    return np.tile(compared(params.W_E.shape[-1], target, rivals), (*params.run_shape, 1))


def compared(d_vocab: int, target: int, rivals: Sequence[int]) -> Float[Array, " d_vocab"]:
    """Return how much each token's logit counts in logit(target) - mean over rivals of logit(rival).

    >>> compared(4, 1, [2, 3]).tolist()
    [0.0, 1.0, -0.5, -0.5]
    """
    readout = np.zeros(d_vocab)
    readout[target] += 1
    readout[list(rivals)] -= 1 / len(rivals)
    return readout
