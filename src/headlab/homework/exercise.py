"""The homework, done: the notebook's model trained, its two items answered with evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from headlab.analysis.looking.predictions import SOLVED
from headlab.analysis.subject import run_number
from headlab.config import ModelConfig, TrainConfig
from headlab.errors import ConfigError, SelectionError
from headlab.homework.answers import ItemAnswer, answer_on_looking, answer_on_sizes, base_of
from headlab.runs.moments import moments_of
from headlab.runs.train import train
from headlab.study.answer import Answer, Group
from headlab.study.design import StudyDesign
from headlab.study.study import Study

if TYPE_CHECKING:
    from headlab.analysis.explanation.explanation import Explanation, Explanations
    from headlab.data.corpus import Corpus
    from headlab.data.dataset import Trainable
    from headlab.runs.runs import Run, Runs

HEAD_SIZES = (10, 20, 40)
MOST_PLACES = 8  # of a large corpus, that are explained


@dataclass(frozen=True, eq=False)
class Exercise:
    """The homework, answered: the runs of item 1 and the one picked, why it predicts so, and how the sizes of item 2 do."""

    corpus: "Corpus"
    runs: "Runs"
    run: "Run"
    sizes: Answer

    @cached_property
    def answers(self) -> tuple[ItemAnswer, ItemAnswer]:
        """The homework's two items, answered in a few plain sentences each."""
        solved = int((self.runs.grade() == SOLVED).sum())
        return answer_on_looking(self.run, solved, len(self.runs)), answer_on_sizes(self.sizes, self.run.model.d_head)

    @property
    def sides(self) -> list[dict[str, Any]]:
        """The places that the first answer is about; none where there is nothing to tell."""
        return list(self.answers[0].numbers.get("sides", []))

    @classmethod
    def of(cls, runs: "Runs", number: int | None = None) -> "Exercise":
        """Return the same record for runs that are there already: item 2 then has their one head size.

        number: the run to show; by default one with good predictions (see `Runs.pick`)
        Raises `SelectionError` for a run that does not exist, or runs without a recorded loss.
        """
        chosen = None if number is None else run_number(number, len(runs), from_end=True)
        if len(runs.recorded_steps) == 0:
            raise SelectionError(
                "a report must have a recorded loss, got runs without one: train with record='all' or 'log'"
            )
        run = runs[runs.pick() if chosen is None else chosen]
        sizes = Answer("d_head", (Group.of(runs, runs.model.d_head),), runs.model.on(runs.corpus).d_model)
        return cls(runs.corpus, runs, run, sizes)

    @property
    def base(self) -> int:
        """The head size that the others are compared with."""
        return base_of([group.value for group in self.sizes.groups], self.run.model.d_head)

    @property
    def against_base(self) -> Answer:
        """The answer on the sizes, every one against that one."""
        return self.sizes.with_base(self.base)

    def shown_sentences(self, most: int) -> list[tuple[int, int]]:
        """Return the sentences whose tables are shown, each with a position to be seen: first those of the answer."""
        told = {side["sequence"]: side["position"] for side in self.sides}
        others = (number for number in range(len(self.corpus.sentences)) if number not in told)
        return sorted([*told.items(), *((number, 0) for number in others)][:most])

    @cached_property
    def explanation(self) -> "Explanation | None":
        """Why the run predicts what it predicts, at the first places; None where the model sees nothing that settles one."""
        return self.run.explain().first(MOST_PLACES) if self.places else None

    @cached_property
    def explanations(self) -> "Explanations | None":
        """The same of all runs; None too where that is much more than anybody reads."""
        return self.runs.explain() if 0 < self.places <= MOST_PLACES else None

    @property
    def places(self) -> int:
        """How many places of the corpus a token leaves open and another one, which the model sees, settles."""
        return len(self.run.subject.dependencies)

    @property
    def more_places(self) -> int:
        """How many places are not explained, beside the first ones."""
        return max(0, self.places - MOST_PLACES)


def exercise(
    data: "Trainable",
    *,
    model: ModelConfig | None = None,
    training: TrainConfig | None = None,
    head_sizes: Sequence[int] = HEAD_SIZES,
    n_runs: int = 100,
    seed: int | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Exercise:
    """Do the whole homework: train `n_runs` runs, pick one that predicts well, explain it, compare head sizes.

    data: a corpus, a dataset or a task; seed: the run to show; by default the first with good predictions (see `Runs.pick`)
    progress: called with the share that is done
    Raises `ConfigError`, `CorpusError`.

    >>> import headlab as hl
    >>> done = exercise(hl.Corpus.notebook(), n_runs=8, head_sizes=[20])
    >>> done.run.solved()
    True
    """
    if len(set(head_sizes)) != len(head_sizes) or not head_sizes:
        raise ConfigError(f"head sizes must be at least one, each named once, got {list(head_sizes)}")
    part = 1 / (1 + len(head_sizes))
    first = None if progress is None else (lambda done: progress(done * part))
    rest = None if progress is None else (lambda done: progress(part + done * (1 - part)))
    seeds = range(n_runs) if seed is None else [seed]
    runs = train(data, model, training, seeds=seeds, record="none", threads=threads, progress=first)
    shown = seeds[runs.pick()]  # trained once more, alone and with its curve: the same run to the bit
    model, training = runs.model, runs.training
    moments = moments_of(runs.corpus, model, training.steps)
    run = train(data, model, training, seeds=shown, snapshots=moments, threads=threads)[0]
    options: dict[str, Any] = {"model": model, "training": training, "d_head": head_sizes, "keep": ()}
    study = Study.in_memory(StudyDesign.grid(data, seeds=range(n_runs), **options), explains=False)
    study.run(threads=threads, progress=rest)
    return Exercise(runs.corpus, runs, run, study.answer("d_head"))
