"""The model with all of its blocks written once more, sentence by sentence, so that autograd can differentiate it."""

import autograd.numpy as anp
import numpy as np

from headlab.config import ModelConfig

# Every block alone, and many at once; what is to be predicted by those of OUTPUTS are outputs of their own.
BLOCK_MODELS = {
    "no layers": ModelConfig(d_head=3, n_layers=0, d_model=4, unembed=True),
    "no layers, final norm": ModelConfig(d_head=3, n_layers=0, unembed=True, norm="layer", norm_final=True, biases=True),
    "MLP": ModelConfig(d_head=3, d_mlp=6),
    "MLP, no residual": ModelConfig(d_head=3, d_mlp=6, residual=False),
    "MLP, gelu, two layers": ModelConfig(d_head=2, n_layers=2, n_heads=2, d_mlp=3, activation="gelu"),
    "LayerNorm": ModelConfig(d_head=3, norm="layer"),
    "RMSNorm, final": ModelConfig(d_head=3, d_model=6, unembed=True, norm="rms", norm_final=True),
    "norm after": ModelConfig(d_head=3, norm="layer", norm_after=True, d_mlp=4, n_layers=2),
    "no residual, norm after": ModelConfig(d_head=3, norm="rms", norm_after=True, residual=False, n_layers=2),
    "biases": ModelConfig(d_head=3, n_heads=2, biases=True),
    "biases, factored": ModelConfig(d_head=3, n_heads=2, d_model=4, biases=True, factored_values=True, unembed=True),
    "tied": ModelConfig(d_head=3, d_model=4, unembed=True, tied=True, biases=True),
    "distances": ModelConfig(d_head=3, relative_positions=True, positions=False),
    "distances, two layers": ModelConfig(d_head=2, n_layers=2, n_heads=2, relative_positions=True, biases=True),
    "values of the stream": ModelConfig(d_head=3, n_heads=2, stream_values=True, biases=True, causal=False),
    "outputs": ModelConfig(d_head=3, d_model=4, unembed=True, biases=True, d_vocab_out=9),
    "pairs": ModelConfig(
        d_head=2, d_model=6, unembed=True, pairs=True, norm="rms", biases=True, factored_values=True, causal=False,
        positions=False, d_vocab_out=3,
    ),
    "everything": ModelConfig(
        d_head=2, n_layers=2, n_heads=2, d_model=6, unembed=True, factored_values=True, d_mlp=5, activation="gelu",
        norm="layer", norm_final=True, biases=True, relative_positions=True,
    ),
    "everything, after": ModelConfig(
        d_head=2, n_layers=2, n_heads=2, d_model=6, unembed=True, tied=True, d_mlp=5, norm="layer", norm_after=True,
        norm_final=True, biases=True,
    ),
}  # fmt: skip


def sizes_of(model: ModelConfig, d_vocab: int, n_ctx: int) -> dict[str, tuple[int, ...]]:
    """Return what arrays there are, in flat order, with their shapes."""
    d, h, m, out, layers = (
        model.d_model or d_vocab,
        model.d_head,
        model.d_mlp,
        model.d_vocab_out or d_vocab,
        model.n_layers,
    )
    v = h if model.factored_values else d
    heads, normed = (layers, model.n_heads), model.norm != "none"
    return {
        name: shape
        for name, there, shape in (
            ("W_E", True, (d_vocab, d // 2 if model.pairs else d)),
            ("W_pos", model.positions, (n_ctx, d)),
            ("W_Q", layers, (*heads, d, h)),
            ("W_K", layers, (*heads, d, h)),
            ("W_V", layers and not model.stream_values, (*heads, d, v)),
            ("W_O", layers and model.factored_values, (*heads, h, d)),
            ("W_U", model.unembed and not model.tied, (d, out)),
            ("W_R", layers and model.relative_positions, (*heads, n_ctx, h)),
            ("b_Q", layers and model.biases, (*heads, h)),
            ("b_K", layers and model.biases, (*heads, h)),
            ("b_V", layers and model.biases and not model.stream_values, (*heads, v)),
            ("b_O", layers and model.biases, (layers, d)),
            ("b_U", model.biases and model.unembed, (out,)),
            ("W_in", layers and m, (layers, d, m)),
            ("b_in", layers and m, (layers, m)),
            ("W_out", layers and m, (layers, m, d)),
            ("b_out", layers and m, (layers, d)),
            ("ln1_w", layers and normed, (layers, d)),
            ("ln1_b", layers and model.norm == "layer", (layers, d)),
            ("ln2_w", layers and normed and m, (layers, d)),
            ("ln2_b", layers and model.norm == "layer" and m, (layers, d)),
            ("ln_final_w", model.norm_final, (d,)),
            ("ln_final_b", model.norm_final and model.norm == "layer", (d,)),
        )
        if there
    }


def cut(flat, sizes):
    found, start = {}, 0
    for name, shape in sizes.items():
        size = int(np.prod(shape))
        found[name] = flat[start : start + size].reshape(shape)
        start += size
    assert start == len(flat)
    return found


def norm(x, model, w, b):
    if model.norm == "none":
        return x
    rows = []
    for row in x:
        if model.norm == "layer":
            row = row - anp.sum(row) / len(row)
        row = row / anp.sqrt(anp.sum(row**2) / len(row) + 1e-5) * w
        rows.append(row if b is None else row + b)
    return anp.stack(rows)


def activated(x, model):
    if model.activation == "relu":
        return anp.where(x > 0, x, 0.0)
    return x / 2 * (1 + anp.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def logits_of(W, tokens, model):
    """Return the logits [position, output] of one sentence, without padding, under the weights of one run."""
    n, pre = len(tokens), model.norm != "none" and not model.norm_after
    if model.pairs:
        d_vocab = len(W["W_E"])
        x = anp.concatenate([W["W_E"][tokens // d_vocab], W["W_E"][tokens % d_vocab]], axis=1)
    else:
        x = W["W_E"][tokens]
    if model.positions:
        x = x + W["W_pos"][:n]
    for layer in range(model.n_layers):
        at = {name: weight[layer] for name, weight in W.items() if name[:3] not in ("W_E", "W_p", "W_U", "b_U", "ln_")}
        read = norm(x, model, at["ln1_w"], at.get("ln1_b")) if pre else x
        out = (x if model.residual else 0.0) + sum(head(at, read, number, model) for number in range(model.n_heads))
        x = out + (at["b_O"] if model.biases else 0.0)
        if model.norm_after:
            x = norm(x, model, at["ln1_w"], at.get("ln1_b"))
        if model.d_mlp:
            read = norm(x, model, at["ln2_w"], at.get("ln2_b")) if pre else x
            x = x + activated(read @ at["W_in"] + at["b_in"], model) @ at["W_out"] + at["b_out"]
            if model.norm_after:
                x = norm(x, model, at["ln2_w"], at.get("ln2_b"))
    if model.norm_final:
        x = norm(x, model, W["ln_final_w"], W.get("ln_final_b"))
    if model.unembed:
        x = x @ (W["W_E"].T if model.tied else W["W_U"])
        x = x + (W["b_U"] if model.biases else 0.0)
    return x


def head(at, read, number, model):
    q, k = (read @ at[f"W_{name}"][number] for name in "QK")
    v = read if model.stream_values else read @ at["W_V"][number]
    if model.biases:
        q, k = q + at["b_Q"][number], k + at["b_K"][number]
        v = v if model.stream_values else v + at["b_V"][number]
    rows = []
    for t in range(len(read)):
        seen = range(t + 1) if model.causal else range(len(read))
        keys = [k[s] + (at["W_R"][number][t - s] if model.relative_positions else 0.0) for s in seen]
        scores = anp.stack([anp.dot(q[t], key) for key in keys]) / np.sqrt(model.d_head)
        weights = anp.exp(scores - anp.max(scores))
        rows.append(anp.sum((weights / anp.sum(weights))[:, None] * v[: len(keys)], axis=0))
    z = anp.stack(rows)
    return z @ at["W_O"][number] if model.factored_values else z


def loss_of(flat, tokens, targets, weights, model, d_vocab, kind="softmax"):
    """Return the mean loss of flat weights of one run on a batch; -1 is padding and no target."""
    W = cut(flat, sizes_of(model, d_vocab, tokens.shape[1]))
    losses, counts = [], []
    for row, wanted, counting in zip(tokens, targets, weights, strict=True):
        length = int((row >= 0).sum())
        logits = logits_of(W, row[:length], model)
        p = anp.exp(logits) if kind == "softmax" else 1 / (1 + anp.exp(-logits))
        p = p / anp.sum(p, axis=1, keepdims=True)
        there = [t for t in range(length) if wanted[t] >= 0]
        losses += [-anp.log(p[t, wanted[t]]) * counting[t] for t in there]
        counts += [counting[t] for t in there]
    return sum(losses) / sum(counts)


def tokens_of(model: ModelConfig, d_vocab: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return some ragged sentences and targets that a model can have, of pairs of a smaller vocabulary's where it takes pairs."""
    rng = np.random.default_rng(3)
    ids = 9 if model.pairs else d_vocab
    tokens, targets = rng.integers(0, ids, (4, 5)), rng.integers(0, model.d_vocab_out or d_vocab, (4, 5))
    tokens[1, 3:] = targets[1, 3:] = tokens[2, 1:] = targets[2, 1:] = targets[0, 2] = -1
    return tokens, targets
