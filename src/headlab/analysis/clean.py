"""What models compute when nobody intervenes, from the kernel, by the names that the readable forward pass has for it."""

from functools import cached_property

import numpy as np

from headlab.arrays import Array, Float, Int
from headlab.config.model import Shape
from headlab.data.batch import Batch
from headlab.engine.activations import activations
from headlab.model.forward import Activations
from headlab.model.params import Params


class Clean(Activations):
    """Activations of many runs, with one leading run axis: 0 at padding, and of `scores` at keys that a query does not see.

    What follows from others is made when it is asked for.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus, shape = Corpus.notebook(), ModelConfig().on(Corpus.notebook())
    >>> params = initial(shape, np.arange(3, dtype=np.uint64), np.float64)
    >>> Clean.of(corpus.batch, shape, params, params.flat()).attn_out.shape
    (3, 1, 2, 5, 7)
    """

    _params: Params
    _tokens: Int[Array, "sequence position"]

    @classmethod
    def of(cls, batch: Batch, shape: Shape, params: Params, flat: Float[Array, "run weight"]) -> "Clean":
        """Return what models compute on a batch; flat: the same weights as the kernel takes them."""
        found = activations(batch, shape, flat, threads=0)
        resid = found.pop("resid")
        clean = cls.__new__(cls)
        clean.__dict__.update(found, resid_pre=resid[:, :-1], resid_post=resid[:, 1:], resid_0=resid[:, 0])
        clean.__dict__.update(_params=params, _tokens=batch.tokens)
        return clean

    @cached_property
    def token_embed(self) -> Float[Array, "run sequence position d_model"]:
        return np.asarray(self._params.W_E[:, np.maximum(self._tokens, 0)])

    @cached_property
    def pos_embed(self) -> Float[Array, "run sequence position d_model"]:
        W_pos, shape = self._params.W_pos, self.resid_0.shape
        return np.zeros(shape) if W_pos is None else np.broadcast_to(W_pos[:, None, : shape[2]], shape)

    @cached_property
    def raw_scores(self) -> Float[Array, "run layer head sequence position position"]:
        return np.asarray(self.q @ np.swapaxes(self.k, -1, -2))

    @cached_property
    def attn_out(self) -> Float[Array, "run layer sequence position d_model"]:
        return np.asarray(self.z.sum(axis=2))
