"""What models compute when nobody intervenes, from the kernel, by the names that the readable forward pass has for it."""

from functools import cached_property

import numpy as np

from headlab.arrays import Array, Float, Shaped
from headlab.config import WEIGHTS
from headlab.config.blocks import blocks_of
from headlab.config.model import ModelConfig
from headlab.data.batch import Batch
from headlab.engine.activations import ACTIVATIONS, TREATED, activations
from headlab.engine.evaluation import all_logits
from headlab.model.forward import Activations, allowed, forward
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
        if set(blocks_of(model.on(batch))) - {*TREATED}:
            return cls._readably(params, batch, model)
        weights = flat_on(batch, params) if flat is None else flat
        found = activations(batch, model.on(batch), weights, ACTIVATIONS, threads=threads)
        resid, seen = found.pop("resid"), found.pop("scores")
        clean = cls.__new__(cls)
        clean.__dict__.update(found, seen_scores=seen, resid_0=resid[:, 0])
        clean.__dict__.update(resid_pre=resid[:, :-1], resid_post=resid[:, 1:])
        clean.__dict__.update(_params=params, _batch=batch, _model=model)
        return clean

    @classmethod
    def _readably(cls, params: Params, batch: Batch, model: ModelConfig) -> "Clean":
        """Return the same of models whose blocks the kernel looks through not yet, from the readable forward pass."""
        clean, real = cls.__new__(cls), batch.tokens >= 0
        with np.errstate(over="ignore", invalid="ignore"):
            on = vars(forward(params, batch.tokens, model))
        on["seen_scores"] = np.where(allowed(batch.tokens, model.causal), on["scores"], 0)
        at = {name: np.where(real[:, :, None], array, array.dtype.type(0)) for name, array in on.items()}
        clean.__dict__.update(at, _params=params, _batch=batch, _model=model)
        return clean

    @cached_property
    def token_embed(self) -> Float[Array, "run sequence position d_model"]:
        return np.asarray(self._params.W_E[:, np.maximum(self._batch.tokens, 0)])

    @cached_property
    def pos_embed(self) -> Float[Array, "run sequence position d_model"]:
        W_pos, resid = self._params.W_pos, self.resid_0
        return np.zeros_like(resid) if W_pos is None else np.broadcast_to(W_pos[:, None, : resid.shape[2]], resid.shape)

    @cached_property
    @_unchecked
    def raw_scores(self) -> Float[Array, "run layer head sequence position position"]:
        return np.asarray(self.q @ np.swapaxes(self.k, -1, -2))

    @cached_property
    @_unchecked
    def scores(self) -> Float[Array, "run layer head sequence position position"]:
        return np.asarray(self.raw_scores * self.raw_scores.dtype.type(self._model.scale))

    @cached_property
    @_unchecked
    def attn_out(self) -> Float[Array, "run layer sequence position d_model"]:
        return np.asarray(self.z.sum(axis=2))


def logits_on(
    batch: Batch, params: Params, model: ModelConfig, threads: int | None = None
) -> Float[Array, "run sequence position d_vocab"]:
    """Return the logits of models, and compute nothing else; threads: at most, all when None.

    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus, model = Corpus.notebook(), ModelConfig()
    >>> logits_on(corpus.batch, initial(model.on(corpus), np.arange(3, dtype=np.uint64)), model).shape
    (3, 2, 5, 7)
    """
    if set(blocks_of(model.on(batch))) - {*TREATED}:
        return all_logits(batch, model.on(batch), flat_on(batch, params), threads=threads)
    return activations(batch, model.on(batch), flat_on(batch, params), ["logits"], threads=threads)["logits"]


def flat_on(batch: Batch, params: Params) -> Shaped[Array, "run weight"]:
    """Return weights as the kernel takes them on a batch, float32 or float64, with as many positions as its sequences have."""
    of_positions = {name: weight[..., : batch.n_ctx, :] for name, weight in params.items() if name in OF_POSITIONS}
    flat = params.replace(**of_positions).flat()
    return flat.astype(np.float32 if flat.itemsize <= 4 else np.float64, copy=False)
