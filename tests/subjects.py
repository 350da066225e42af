"""Untrained models of every shape on two corpora, for what holds whatever is learned."""

import numpy as np

import headlab as hl
from headlab.analysis.subject import Subject
from headlab.model.initial import initial

NOTEBOOK = hl.Corpus.notebook()
RAGGED = hl.Corpus.from_text("the cat sat on the mat\nthe dog sat on the log and slept\na cat ran")
MODELS = {
    "notebook": hl.ModelConfig(),
    "two heads, factored": hl.ModelConfig(n_heads=2, factored_values=True, d_head=3),
    "two layers": hl.ModelConfig(n_layers=2, n_heads=2, d_head=4),
    "three layers, W_U": hl.ModelConfig(n_layers=3, n_heads=2, d_head=4, d_model=6, unembed=True, factored_values=True),
    "no residual": hl.ModelConfig(n_layers=2, residual=False, d_head=5),
    "no positions, not causal": hl.ModelConfig(positions=False, causal=False, n_layers=2),
}


def subject_of(model, corpus=NOTEBOOK, runs=3, scale=3.0):
    """Untrained weights, large enough that patterns are far from uniform."""
    model = model.replace(init_scale=scale)
    params = initial(model.on(corpus), np.arange(runs, dtype=np.uint64), np.dtype("float64"))
    return Subject(params, corpus, model)
