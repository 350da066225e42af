"""A model that is the counted table differs from it by nothing, and one that is not by as much as was put there."""

import numpy as np
import pytest

import headlab as hl
from headlab.analysis.looking.bigrams import bigram_difference
from headlab.analysis.subject import Subject
from headlab.model.initial import initial
from headlab.tasks import bigram0


def test_the_difference_from_the_counted_table_is_what_was_put_there():
    corpus, model = bigram0.TASK.dataset.corpus, hl.ModelConfig(positions=False)
    drawn = dict(initial(model.on(corpus), np.zeros(3, np.uint64)).items())
    shares = np.array([corpus.association().to_numpy()] * 3)
    the, cat, dog = (corpus.vocabulary.index(word) for word in ("the", "cat", "dog"))
    shares[1, the, [cat, dog]] += [0.125, -0.125]
    weights = drawn | {"W_E": np.log(np.maximum(shares, 1e-9)), "W_V": np.zeros_like(drawn["W_V"])}
    weights["W_E"][2] += np.arange(corpus.d_vocab)[:, None]  # as much for every output: no probability is another
    found = bigram_difference(Subject(hl.Params(**weights), corpus, model))
    assert found == pytest.approx([0, 0.125, 0], abs=1e-5)
