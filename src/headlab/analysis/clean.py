"""What models compute when nobody intervenes, from the kernel, by the names that the readable forward pass has for it."""

from functools import cached_property

import numpy as np

from headlab.arrays import Array, Float, Shaped
from headlab.config import WEIGHTS
from headlab.config.blocks import blocks_of
from headlab.config.model import ModelConfig
from headlab.data.batch import Batch
from headlab.engine.activations import ACTIVATIONS, activations
from headlab.engine.evaluation import all_logits
from headlab.model.forward import Activations, activated, by_distance, embedded, norm
from headlab.model.params import Params

OF_POSITIONS = tuple(row.name for row in WEIGHTS if "n_ctx" in row.axes)
_unchecked = np.errstate(over="ignore", invalid="ignore")  # diverged runs hold whatever they diverged to


class Clean(Activations):
    """Activations of many runs, with one leading run axis, in the type of their weights: 0 at padding.

    seen_scores [run, layer, head, sequence, query, key]: the scores, but 0 at keys that the query does not see
    What follows from others is made when it is asked for.

    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus, model = Corpus.notebook(), ModelConfig()
    >>> params = initial(model.on(corpus), np.arange(3, dtype=np.uint64), np.float64)
    >>> Clean.of(params, corpus.batch, model).attn_out.shape
    (3, 1, 2, 5, 7)
    """

    seen_scores: Float[Array, "run layer head sequence position position"]
    _params: Params
    _batch: Batch
    _model: ModelConfig

    @classmethod
    def of(
        cls,
        params: Params,
        batch: Batch,
        model: ModelConfig,
        flat: Float[Array, "run weight"] | None = None,
        threads: int | None = None,
    ) -> "Clean":
        """Return what models compute on a batch; flat: the same weights, where they are at hand; threads: all when None."""
        weights = flat_on(batch, params) if flat is None else flat
        found = activations(batch, model.on(batch), weights, _wanted(model), threads=threads)
        resid, seen = found.pop("resid"), found.pop("scores")
        clean = cls.__new__(cls)
        clean.__dict__.update(found, seen_scores=seen, resid_0=resid[:, 0])
        clean.__dict__.update(resid_pre=resid[:, :-1], resid_post=resid[:, 1:])
        clean.__dict__.update(_params=params, _batch=batch, _model=model)
        return clean

    @cached_property
    def token_embed(self) -> Float[Array, "run sequence position d_model"]:
        return embedded(self._params, self._batch.tokens, self._model)

    @cached_property
    def pos_embed(self) -> Float[Array, "run sequence position d_model"]:
        W_pos, resid = self._params.W_pos, self.resid_0
        return np.zeros_like(resid) if W_pos is None else np.broadcast_to(W_pos[:, None, : resid.shape[2]], resid.shape)

    @cached_property
    @_unchecked
    def raw_scores(self) -> Float[Array, "run layer head sequence position position"]:
        found = np.asarray(self.q @ np.swapaxes(self.k, -1, -2))
        return found + by_distance(self.q, self._params.W_R) if self._model.relative_positions else found

    @cached_property
    @_unchecked
    def scores(self) -> Float[Array, "run layer head sequence position position"]:
        return np.asarray(self.raw_scores * self.raw_scores.dtype.type(self._model.scale))

    @cached_property
    @_unchecked
    def attn_out(self) -> Float[Array, "run layer sequence position d_model"]:
        return self._with(self.z.sum(axis=2), self._params.b_O)

    @cached_property
    def normed(self) -> Float[Array, "run layer sequence position d_model"]:
        return self.resid_pre

    @cached_property
    @_unchecked
    def resid_mid(self) -> Float[Array, "run layer sequence position d_model"]:
        added = self.resid_pre + self.attn_out if self._model.residual else self.attn_out
        return self._normed(added, "ln1") if self._model.norm_after else added

    @cached_property
    @_unchecked
    def mlp_normed(self) -> Float[Array, "run layer sequence position d_model"]:
        before = self._model.d_mlp and self._model.norm != "none" and not self._model.norm_after
        return self._normed(self.resid_mid, "ln2") if before else self.resid_mid

    @cached_property
    @_unchecked
    def mlp_pre(self) -> Float[Array, "run layer sequence position d_mlp"]:
        W_in = self._params.W_in
        if W_in is None:
            return self.mlp_normed[..., :0]
        return self._with(self.mlp_normed @ W_in[..., None, :, :], self._params.b_in)

    @cached_property
    @_unchecked
    def mlp_post(self) -> Float[Array, "run layer sequence position d_mlp"]:
        return self._with(activated(self.mlp_pre, self._model.activation), None)

    @cached_property
    def mlp_out(self) -> Float[Array, "run layer sequence position d_model"]:
        return np.zeros_like(self.resid_pre)

    @cached_property
    @_unchecked
    def final(self) -> Float[Array, "run sequence position d_model"]:
        last = self.resid_post[:, -1] if self._model.n_layers else self.resid_0
        return self._normed(last, "ln_final") if self._model.norm_final else last

    def _normed(self, x: Array, name: str) -> Array:
        gain, bias = (getattr(self._params, f"{name}_{what}") for what in "wb")
        return self._with(norm(x, gain, bias, self._model), None)

    def _with(self, x: Array, bias: Array | None) -> Array:
        # Of a bias and what it is added to, nothing at padding.
        added = x if bias is None else x + bias[..., None, None, :]
        real = self._batch.tokens >= 0
        return added if real.all() else np.where(real[:, :, None], added, added.dtype.type(0))


def _wanted(model: ModelConfig) -> list[str]:
    # What heads read is the stream where it is not normed before, and nothing is written where there is no MLP.
    own = {"normed": model.norm != "none" and not model.norm_after, "mlp_out": model.d_mlp > 0}
    return [name for name in ACTIVATIONS if own.get(name, True)]


def logits_on(
    batch: Batch, params: Params, model: ModelConfig, threads: int | None = None
) -> Float[Array, "run sequence position d_vocab_out"]:
    """Return the logits of models, and compute nothing else; threads: at most, all when None.

    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus, model = Corpus.notebook(), ModelConfig()
    >>> logits_on(corpus.batch, initial(model.on(corpus), np.arange(3, dtype=np.uint64)), model).shape
    (3, 2, 5, 7)
    """
    if blocks_of(model.on(batch)):  # forward as it is trained: of thousands of examples, in little room
        return all_logits(batch, model.on(batch), flat_on(batch, params), threads=threads)
    return activations(batch, model.on(batch), flat_on(batch, params), ["logits"], threads=threads)["logits"]


def flat_on(batch: Batch, params: Params) -> Shaped[Array, "run weight"]:
    """Return weights as the kernel takes them on a batch, float32 or float64, with as many positions as its sequences have."""
    of_positions = {name: weight[..., : batch.n_ctx, :] for name, weight in params.items() if name in OF_POSITIONS}
    flat = params.replace(**of_positions).flat()
    return flat.astype(np.float32 if flat.itemsize <= 4 else np.float64, copy=False)
