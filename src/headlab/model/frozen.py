"""What gives what where MLPs, norms and biases lie between, readable: with all of that frozen a model is a sum again.

Frozen at what a sentence makes of them: attention patterns, by how much each norm divides at each position, and what each MLP
writes. What is left adds and multiplies: logits · readout is a sum over paths of embeddings through heads, over what MLPs write
and over biases, exactly. G carries the readout back, as in `model.parts`; through a norm, with s what it divided by there,

    G' = C (G · w) / s        C takes the mean away where it is LayerNorm, and is nothing where it is RMSNorm

What freezing leaves out: a change of what is read changes patterns, norms and MLPs, too, which an intervention shows.
Sources: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits; Nanda et al. 2022, TransformerLens (the frozen
LayerNorm scale of direct logit attribution).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from headlab.arrays import Array, Float
from headlab.config.model import ModelConfig
from headlab.model.forward import NORM_EPSILON, Activations
from headlab.model.matrices import W_OV
from headlab.model.params import Params
from headlab.model.paths import BIASES, DISTANCE, POSITION, TOKEN, Feature, Path, all_features, mlp_name


@dataclass(frozen=True, eq=False)
class Sizes:
    """By how much norms divide at each position of a sentence; None where the model has none.

    first [run, layer, position]: of the norm before heads, or after them; second: the same of the MLP after it was added
    final [run, position]: of what is unembedded
    """

    first: Float[Array, "run layer position"] | None
    second: Float[Array, "run layer position"] | None
    final: Float[Array, "run position"] | None

    @classmethod
    def of(cls, model: ModelConfig, on: Activations, sequence: int) -> "Sizes":
        """Take them out of what models compute; a norm before an MLP, whose output is frozen, is none of them.

        >>> from headlab.data.corpus import Corpus
        >>> from headlab.model.forward import forward
        >>> from headlab.model.initial import initial
        >>> corpus, model = Corpus.notebook(), ModelConfig(norm="rms")
        >>> params = initial(model.on(corpus), np.arange(3, dtype=np.uint64))
        >>> Sizes.of(model, forward(params, corpus.tokens, model), 0).first.shape
        (3, 1, 5)
        """
        if model.norm == "none":
            return cls(None, None, None)

        def at(name: str) -> Array:
            return on.in_sentence(name, sequence)

        read = at("resid_pre")
        if model.norm_after:
            read = read + at("attn_out") if model.residual else at("attn_out")
        after_mlp = model.norm_after and model.d_mlp
        last = at("resid_post")[:, -1] if model.n_layers else at("resid_0")
        return cls(
            first=_size(read, model) if model.n_layers else None,
            second=_size(at("resid_mid") + at("mlp_out"), model) if after_mlp else None,
            final=_size(last, model) if model.norm_final else None,
        )


@dataclass(frozen=True, eq=False)
class Frozen:
    """Models in one sentence, patterns, norms and MLPs frozen; G below is [run, case, position, d_model].

    pattern [run, layer, head, query, key]

    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.forward import forward
    >>> from headlab.model.initial import initial
    >>> corpus, model = Corpus.notebook(), ModelConfig(norm="layer", d_mlp=4, biases=True)
    >>> params = initial(model.on(corpus), np.arange(3, dtype=np.uint64), np.float64)
    >>> on = forward(params, corpus.tokens, model)
    >>> frozen, readout = Frozen(params, model, on.pattern[:, :, :, 0], Sizes.of(model, on, 0)), np.eye(7)[[3]]
    >>> G = frozen.start(readout, 4)
    >>> gives = [(frozen.to_mlp(0, G)[:, 0] * on.mlp_out[:, 0, 0]).sum(axis=(1, 2))]
    >>> gives.append((frozen.before(0, G)[:, 0] * on.resid_0[:, 0]).sum(axis=(1, 2)))
    >>> gives.append(frozen.constants(readout, 4).sum(axis=(1, 2)))
    >>> bool(np.allclose(sum(gives), on.logits[:, 0, 4, 3]))
    True
    """

    params: Params
    model: ModelConfig
    pattern: Float[Array, "run layer head position position"]
    sizes: Sizes

    @cached_property
    def OV(self) -> Float[Array, "run layer head d_model d_model"]:
        """What heads write of what they read."""
        return W_OV(self.params)

    def unembedding(self, readouts: Float[Array, "case d_vocab_out"]) -> Float[Array, "run case d_model"]:
        """Return what is read from what is unembedded."""
        params = self.params
        if not self.model.unembed:
            return np.tile(readouts, (*params.run_shape, 1, 1))
        W_U = np.swapaxes(params.W_E, -1, -2) if self.model.tied else params.W_U
        return np.asarray(np.swapaxes(W_U @ readouts.T, -1, -2))

    def start(
        self, readouts: Float[Array, "case d_vocab_out"], position: int
    ) -> Float[Array, "run case position d_model"]:
        """Return G after the last layer: at the position where logits are read, through the final norm."""
        read = self.unembedding(readouts)
        G = np.zeros((*read.shape[:2], self.pattern.shape[-1], read.shape[-1]))
        G[:, :, position] = read
        return self._through_norm(G, self.params.ln_final_w, self.sizes.final)

    def to_mlp(
        self, layer: int, G: Float[Array, "run case position d_model"]
    ) -> Float[Array, "run case position d_model"]:
        """Return G where a layer's MLP writes, from behind the layer."""
        if not (self.model.norm_after and self.model.d_mlp):
            return G
        return self._through_norm(G, _of(self.params.ln2_w, layer), _of(self.sizes.second, layer))

    def to_heads(
        self, layer: int, G: Float[Array, "run case position d_model"]
    ) -> Float[Array, "run case position d_model"]:
        """Return G where a layer's heads write, from behind the layer."""
        G = self.to_mlp(layer, G)
        if not self.model.norm_after:
            return G
        return self._through_norm(G, _of(self.params.ln1_w, layer), _of(self.sizes.first, layer))

    def through_head(
        self, layer: int, head: int, written: Float[Array, "run case position d_model"]
    ) -> Float[Array, "run case position d_model"]:
        """Return G before a layer along one of its heads, from where heads write."""
        G = _turned(self.pattern[:, layer, head])[:, None] @ (written @ _turned(self.OV[:, layer, head])[:, None])
        if self.model.norm == "none" or self.model.norm_after:
            return G
        return self._through_norm(G, _of(self.params.ln1_w, layer), _of(self.sizes.first, layer))

    def before(
        self, layer: int, G: Float[Array, "run case position d_model"]
    ) -> Float[Array, "run case position d_model"]:
        """Return G before a layer, along all that leads through it."""
        written = self.to_heads(layer, G)
        through = [self.through_head(layer, head, written) for head in range(self.model.n_heads)]
        return np.asarray(sum(through) + (written if self.model.residual else 0))

    def adjoints(
        self, readouts: Float[Array, "case d_vocab_out"], position: int
    ) -> list[Float[Array, "run case position d_model"]]:
        """Return G before each layer and after the last."""
        found = [self.start(readouts, position)]
        for layer in reversed(range(self.model.n_layers)):
            found.append(self.before(layer, found[-1]))
        return found[::-1]

    def flow(
        self, readouts: Float[Array, "case d_vocab_out"], position: int, path: Path, first: int = 0
    ) -> Float[Array, "run case position d_model"]:
        """Return G where a path begins: before a layer, by default the first; past all heads for the direct path."""
        G, heads = self.start(readouts, position), dict(path)
        for layer in range(self.model.n_layers - 1, first - 1, -1):
            written = self.to_heads(layer, G)
            G = self.through_head(layer, heads[layer], written) if layer in heads else written
        return G

    def read_by_first(
        self, readouts: Float[Array, "case d_vocab_out"], position: int, path: Path
    ) -> Float[Array, "run case position"]:
        """Return what biases that the first head of a path reads with give along it, by the position that it reads."""
        first, head = path[0]
        G = self.flow(readouts, position, path[1:], first + 1)
        return self._read(first, head, self.to_heads(first, G))

    def constants(
        self, readouts: Float[Array, "case d_vocab_out"], position: int, first: int = 0
    ) -> Float[Array, "run case position"]:
        """Return what biases give, by the position where they are added or read; first: the first layer whose heads count."""
        every = self.added(readouts, position)
        for layer, G in list(enumerate(self.adjoints(readouts, position)[1:]))[first:]:
            written = self.to_heads(layer, G)
            every = every + sum(self._read(layer, head, written) for head in range(self.model.n_heads))
        return every

    def added(self, readouts: Float[Array, "case d_vocab_out"], position: int) -> Float[Array, "run case position"]:
        """Return what biases give that no head reads: of what heads write together, of norms after, and of W_U."""
        params, streams = self.params, self.adjoints(readouts, position)
        found = np.zeros(streams[0].shape[:3])
        if params.b_U is not None:
            found[:, :, position] += params.b_U @ readouts.T
        if params.ln_final_b is not None:
            found[:, :, position] += (self.unembedding(readouts) @ params.ln_final_b[:, :, None])[..., 0]
        for layer, G in enumerate(streams[1:]):
            to_mlp = self.to_mlp(layer, G)
            places = [(self.to_heads(layer, G), params.b_O)]
            if self.model.norm_after:
                places += [(G, params.ln2_b), (to_mlp, params.ln1_b)]
            for at, bias in places:
                if bias is not None:
                    found += (at @ bias[:, layer][:, None, :, None])[..., 0]
        return found

    def _read(self, layer: int, head: int, written: Array) -> Array:
        # What a head reads whatever stands there, [run, case, position]: its value's bias, and the norm's.
        params = self.params
        constant = np.zeros((*params.run_shape, written.shape[-1]))
        if params.ln1_b is not None and not self.model.norm_after:
            constant = (params.ln1_b[:, layer][:, None] @ self.OV[:, layer, head])[:, 0]
        if params.b_V is not None:
            b_V = params.b_V[:, layer, head]
            constant = constant + (b_V if params.W_O is None else (b_V[:, None] @ params.W_O[:, layer, head])[:, 0])
        says = (written @ constant[:, None, :, None])[..., 0]  # [run, case, query]
        return np.asarray((says[:, :, None] @ self.pattern[:, layer, head][:, None])[:, :, 0])

    def _through_norm(self, G: Array, gain: Array | None, size: Array | None) -> Array:
        if gain is None or size is None:
            return G
        G = G * gain[:, None, None] / size[:, None, :, None]
        return np.asarray(G - G.mean(axis=-1, keepdims=True) if self.model.norm == "layer" else G)

    def normed(
        self,
        x: Float[Array, "run position d_model"],
        gain: Float[Array, "run d_model"] | None,
        size: Float[Array, "run places"] | None,
    ) -> Float[Array, "run position d_model"]:
        """Return a part of the stream as a frozen norm passes it on; its bias is none of it.

        size: by position, or one for all of them
        """
        if gain is None or size is None:
            return x
        x = x - x.mean(axis=-1, keepdims=True) if self.model.norm == "layer" else x
        return np.asarray(x * gain[:, None] / size[..., None])

    def passed(
        self, x: Float[Array, "run position d_model"], start: int, layer: int
    ) -> Float[Array, "run position d_model"]:
        """Return what heads of a layer read of what heads of an earlier one wrote, past all heads between."""
        params, sizes, after = self.params, self.sizes, self.model.norm_after
        for at in range(start, layer):
            if after:
                x = self.normed(x, _of(params.ln1_w, at), _of(sizes.first, at))
                x = self.normed(x, _of(params.ln2_w, at), _of(sizes.second, at))
        return x if after else self.normed(x, _of(params.ln1_w, layer), _of(sizes.first, layer))


def stream_features(
    frozen: Frozen, on: Activations, sequence: int, layer: int
) -> dict[Feature, Float[Array, "run position d_model"]]:
    """Return what adds up to what a layer's heads read, biases of norms included, by its name."""
    params, sizes, model = frozen.params, frozen.sizes, frozen.model
    parts: dict[Feature, Array] = {name: on.in_sentence(f"{short}_embed", sequence) for name, short in _EMBEDS}
    none = np.zeros_like(parts[TOKEN])
    bias = none
    z, mlp = on.in_sentence("z", sequence), on.in_sentence("mlp_out", sequence)
    for at in range(layer):
        if not model.residual:
            parts, bias = {}, none
        parts |= {(at, head): z[:, at, head] for head in range(model.n_heads)}
        bias = bias + _bias(params.b_O, at)
        if model.norm_after:
            gain, size = _of(params.ln1_w, at), _of(sizes.first, at)
            parts = {name: frozen.normed(part, gain, size) for name, part in parts.items()}
            bias = frozen.normed(bias, gain, size) + _bias(params.ln1_b, at)
        if model.d_mlp:
            parts[mlp_name(at)] = mlp[:, at]
        if model.norm_after and model.d_mlp:
            gain, size = _of(params.ln2_w, at), _of(sizes.second, at)
            parts = {name: frozen.normed(part, gain, size) for name, part in parts.items()}
            bias = frozen.normed(bias, gain, size) + _bias(params.ln2_b, at)
    if model.norm != "none" and not model.norm_after:
        gain, size = _of(params.ln1_w, layer), _of(sizes.first, layer)
        parts = {name: frozen.normed(part, gain, size) for name, part in parts.items()}
        bias = frozen.normed(bias, gain, size) + _bias(params.ln1_b, layer)
    parts[BIASES] = bias
    return parts


def queries(
    frozen: Frozen, on: Activations, layer: int, sequence: int, positions: Sequence[int]
) -> Float[Array, "run head position feature d_head"]:
    """Return the parts of every head's queries at some positions, feature by feature; of a distance, none."""
    return _asked(frozen, on, layer, sequence, positions, frozen.params.W_Q, frozen.params.b_Q)


def keys(
    frozen: Frozen, on: Activations, layer: int, sequence: int, positions: Sequence[int], query: int
) -> Float[Array, "run head position feature d_head"]:
    """Return the parts of every head's keys at some positions, for a query at a position of the same sentence."""
    found = _asked(frozen, on, layer, sequence, positions, frozen.params.W_K, frozen.params.b_K)
    names = all_features(frozen.model, layer)
    if DISTANCE in names:
        for number, behind in enumerate(query - at for at in positions):
            if behind >= 0:
                found[:, :, number, names.index(DISTANCE)] = frozen.params.W_R[:, layer, :, behind]
    return found


def _asked(
    frozen: Frozen,
    on: Activations,
    layer: int,
    sequence: int,
    positions: Sequence[int],
    weight: Array,
    bias: Array | None,
) -> Array:
    parts, names, at = stream_features(frozen, on, sequence, layer), all_features(frozen.model, layer), list(positions)
    none = np.zeros_like(parts[BIASES][:, at])
    read = np.stack([parts[name][:, at] if name in parts else none for name in names], axis=2)
    found = read[:, None] @ weight[:, layer, :, None]
    if bias is not None:
        found[:, :, :, names.index(BIASES)] += bias[:, layer, :, None]
    return np.asarray(found)


_EMBEDS = ((TOKEN, "token"), (POSITION, "pos"))


def _size(x: Array, model: ModelConfig) -> Array:
    if model.norm == "layer":
        x = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(np.sqrt((x * x).mean(axis=-1) + NORM_EPSILON))


def _of(weight: Array | None, layer: int) -> Array | None:
    return None if weight is None else weight[:, layer]


def _bias(weight: Array | None, layer: int) -> Array | float:
    return 0.0 if weight is None else weight[:, layer][:, None]


def _turned(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)
