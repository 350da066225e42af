"""A model's sizes are resolved in one place, and there is one table of weights."""

import ast
import re
from pathlib import Path

import pytest
from engine_problems import MODELS, n_weights, problem

import headlab
from headlab import Corpus, ModelConfig
from headlab.config import WEIGHTS

SOURCE = Path(headlab.__file__).parent
NAMES = {row.name for row in WEIGHTS}


def names_of(statement):
    """The weights that a statement names as text, as an argument or as a field; docstrings say what they like."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Constant):
            yield node.value
        elif isinstance(node, ast.keyword):
            yield node.arg
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def test_there_is_one_list_of_weights():
    listing = {
        path.name
        for path in SOURCE.rglob("*.py")
        if path.parent.name != "tasks"  # which set some weights by hand, or begin them by rules of their own
        for statement in ast.parse(path.read_text()).body
        if len(NAMES.intersection(name for name in names_of(statement) if isinstance(name, str))) > 2
    }
    assert listing == {"weights.py"}


def test_only_a_shape_resolves_the_width_of_the_residual_stream():
    sources = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.j2")]
    resolving = {path.name for path in sources if re.search(r"(model|self)\.d_model (is|or)", path.read_text())}
    assert resolving == {"model.py"}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_kernel_counts_as_many_weights_as_the_table(model):
    of = problem(model)
    assert of.shape.n_weights == n_weights(of)
    assert of.shape.place(list(of.shape.weights)[-1]).stop == of.shape.n_weights


def test_numbers_of_weights_are_those_of_their_first_release():
    # A weight's stream of random numbers: another number would be another run under the same seed.
    numbers = {row.name: row.number for row in WEIGHTS}
    first = ["W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_U"]
    later = ["W_R", "b_Q", "b_K", "b_V", "b_O", "b_U", "W_in", "b_in", "W_out", "b_out"]
    norms = ["ln1_w", "ln1_b", "ln2_w", "ln2_b", "ln_final_w", "ln_final_b"]
    assert numbers == {name: number for number, name in enumerate([*first, *later, *norms])}


def test_heads_that_are_trained_narrow_keep_their_scale():
    wide = ModelConfig(d_head=160, factored_values=True).on(Corpus.notebook())
    narrow = wide.narrow(14)
    assert (narrow.d_head, narrow.value_width, narrow.scale) == (14, 14, wide.scale)
    assert narrow.weights["W_Q"] == (1, 1, 7, 14)
