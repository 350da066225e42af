"""The homework's second item: does a larger or smaller head do better? Many runs a head size, in memory."""

from collections.abc import Callable, Iterable, Sequence

from headlab.config import ModelConfig, TrainConfig
from headlab.config.seeds import seed_array
from headlab.data.dataset import Dataset, Trainable
from headlab.errors import ConfigError
from headlab.runs.train import train
from headlab.study.answer import Answer, Group


def study_head_sizes(
    data: Trainable,
    d_heads: Sequence[int],
    *,
    model: ModelConfig | None = None,
    training: TrainConfig | None = None,
    seeds: Iterable[int] = range(100),
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Answer:
    """Train every head size on the same seeds and compare the shares of solved runs.

    data: a corpus, a dataset or a task
    Raises `ConfigError` for an empty or repeated list of head sizes.

    >>> from headlab.data.corpus import Corpus
    >>> study = study_head_sizes(Corpus.notebook(), [10, 20], seeds=range(8), training=TrainConfig.of(steps=50))
    >>> len(study.groups), len(study.comparisons)
    (2, 1)
    """
    if len(set(d_heads)) != len(d_heads) or not d_heads:
        raise ConfigError(f"head sizes must be at least one, each named once, got {list(d_heads)}")
    base, given = model or ModelConfig(), seed_array(seeds)
    models = [base.replace(d_head=d_head) for d_head in d_heads]
    groups = []
    for number, condition in enumerate(models):
        share = None if progress is None else (lambda done, n=number: progress((n + done) / len(models)))
        runs = train(data, condition, training, seeds=given, record="none", threads=threads, progress=share)
        groups.append(Group.of(runs, condition.d_head))
    return Answer("d_head", tuple(groups), base.on(Dataset.of(data)).d_model)
