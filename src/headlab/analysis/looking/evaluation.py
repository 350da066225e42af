"""How well models do on what they are asked about, and on the test that a dataset has beside it."""

import numpy as np
import pandas as pd

from headlab.analysis.clean import logits_on
from headlab.analysis.looking.predictions import TIE, place_leads
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Bool, Float
from headlab.data.corpus import Corpus
from headlab.model.losses import mean_loss


def evaluate(subject: Subject) -> pd.DataFrame:
    """Return one row a run: `loss`, `right`, and where the dataset has a test, `test_loss` and `test_right`.

    loss: Σ w·l / Σ w of the weights as they are, in nats; right: the share of resolvable places where the target leads
    In a test, resolvable is what the corpus and the test together decide. Not a number where no place is resolvable.

    >>> from headlab.config import ModelConfig
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> evaluate(Subject(initial(ModelConfig().on(corpus), np.zeros(2, np.uint64)), corpus, ModelConfig())).columns.tolist()
    ['loss', 'right']
    """
    return pd.concat([_of(part) for _, part in subject.in_batches()], ignore_index=True).rename_axis("run")


def _of(subject: Subject) -> pd.DataFrame:
    dataset, test = subject.dataset, subject.dataset.test
    found = _measured(subject, subject.corpus, subject.clean.logits, subject.corpus.resolvable(subject.model))
    if test is not None:
        logits = logits_on(test.batch, subject.params, subject.model, threads=0)
        of_test = _measured(subject, test, logits, dataset.resolvable_in_test(subject.model))
        found |= {f"test_{name}": values for name, values in of_test.items()}
    return pd.DataFrame(found)


def _measured(
    subject: Subject,
    corpus: Corpus,
    logits: Float[Array, "run sequence position d_vocab"],
    resolvable: Bool[Array, "sequence position"],
) -> dict[str, Array]:
    with np.errstate(over="ignore", invalid="ignore"):
        loss = mean_loss(logits, corpus.targets, subject.loss, corpus.weights)
    leads = place_leads(logits[:, resolvable], corpus.targets[resolvable]) > TIE
    right = leads.mean(axis=-1) if resolvable.any() else np.full(len(logits), np.nan)
    return {"loss": loss, "right": right}
