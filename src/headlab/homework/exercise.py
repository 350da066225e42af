"""The homework, done: the notebook's model trained, its two items answered with evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from headlab.analysis.explanation.explanation import Explanation, Explanations
from headlab.analysis.looking.predictions import SOLVED
from headlab.analysis.parts.mechanism import in_words
from headlab.analysis.subject import run_number
from headlab.config import ModelConfig, TrainConfig
from headlab.data.corpus import Corpus
from headlab.data.dependencies import Dependency
from headlab.errors import SelectionError
from headlab.homework.answers import Answer, about_looking, about_sizes
from headlab.notation.numbers import counted
from headlab.report.limits import MOST_PAGE_PLACES, export_command, more
from headlab.runs.moments import moments_of
from headlab.runs.runs import Run, Runs
from headlab.runs.train import train
from headlab.study.answer import Group, Summary
from headlab.study.head_sizes import study_head_sizes

HEAD_SIZES = (10, 20, 40)
MOST_ALTERNATIVES = 4  # of a dependency, named


@dataclass(frozen=True, eq=False)
class Exercise:
    """The homework's answers: the runs of item 1 and the one picked, why it predicts so, and the study of item 2.

    command: what shows the explanation of this run on a terminal, for the page to quote
    """

    corpus: Corpus
    runs: Runs
    run: Run
    study: Summary
    command: str | None = None

    @cached_property
    def answers(self) -> tuple[Answer, Answer]:
        """The homework's two items, answered in a few plain sentences each."""
        solved = int((self.runs.grade() == SOLVED).sum())
        return about_looking(self.run, solved, len(self.runs)), about_sizes(self.study, self.run.model.d_head)

    @property
    def sides(self) -> list[dict[str, Any]]:
        """The places that the first answer is about; none where there is nothing to tell."""
        return list(self.answers[0].numbers.get("sides", []))

    @property
    def base(self) -> int:
        """The head size that the others are compared with."""
        return int(self.answers[1].numbers["against"])

    def shown_sentences(self, most: int) -> list[tuple[int, int]]:
        """Return the sentences whose tables are shown, each with a position to be seen: first those of the answer."""
        told = {side["sequence"]: side["position"] for side in self.sides}
        others = (number for number in range(len(self.corpus.sentences)) if number not in told)
        return sorted([*told.items(), *((number, 0) for number in others)][:most])

    def more_sentences(self, shown: int) -> list[str]:
        """Return how many sentences have no tables beside those shown, and the command that writes them all."""
        return more(len(self.corpus.sentences) - shown, "sentences", self.export_command("predictions"))

    def more_places(self) -> list[str]:
        """Return how many places are not explained beside the first ones, and the command that explains them all."""
        return more(self.places - MOST_PAGE_PLACES, "places that another word decides", self.command or "")

    def called(self, command: str) -> "Exercise":
        """Return the same with the command that explains its run."""
        return replace(self, command=command)

    def export_command(self, table: str) -> str:
        """Return what writes a table of the run that is shown in full; nothing where no command is known."""
        if self.command is None:
            return ""
        return export_command(self.command, table)

    @cached_property
    def explanation(self) -> Explanation | None:
        """Why the run predicts what it predicts, at the first places; None where the model sees nothing that settles one."""
        return self.run.explain().first(MOST_PAGE_PLACES) if self.places else None

    @cached_property
    def explanations(self) -> Explanations | None:
        """The same of all runs; None too where that is much more than a page shows."""
        return self.runs.explain() if 0 < self.places <= MOST_PAGE_PLACES else None

    @property
    def places(self) -> int:
        """How many places of the corpus a token leaves open and another one, which the model sees, settles."""
        return len(self.run.subject.dependencies)

    def item_1(self) -> list[str]:
        """Return the sentences of item 1: one a dependency that the prefix settles, then how the coding works."""
        if self.explanation is None:
            return [
                "No token of this corpus is left open by the current token and settled by another that the model sees: "
                "there is no dependency to code."
            ]
        numbered = zip(self.explanation.records, self.explanation.sentences(), strict=True)
        sentences = [f"Sentence {record.sequence + 1}: {_lower(text)}" for record, text in numbered]
        return [
            *self._unsolved(),
            *sentences,
            *self.more_places(),
            self.mechanism_sentence(),
            *self._census(),
        ]

    def mechanism_sentence(self) -> str:
        """Return the run's mechanism and what that is; of a large corpus, at the places that are explained."""
        if self.explanation is None:
            return ""
        where = "" if self.places <= MOST_PAGE_PLACES else f"At these {MOST_PAGE_PLACES} places, "
        this = "This run" if not where else "this run"
        return f"{where}{this} is {in_words(self.explanation.mechanism)}: {self.explanation.meaning}."

    def _unsolved(self) -> list[str]:
        if self.run.solved():
            return []
        if len(self.runs) == 1 or self.runs.solved().any():
            return ["This run did not solve the corpus."]
        return ["No run of these solved the corpus; the one of the smallest loss is shown."]

    def _census(self) -> list[str]:
        if self.explanations is None or len(self.runs) == 1:
            return []
        census = self.explanations.census()["runs"]
        counts = ", ".join(f"{runs} {in_words(str(name))}" for name, runs in census.items())
        return [f"Of all {counted(len(self.runs), 'run')}: {counts}."]

    def item_2(self) -> list[str]:
        """Return the sentences of item 2: every head size against the one that the answer compares with."""
        return replace(self.study, base=self.base).sentences()


def exercise(
    corpus: Corpus,
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

    seed: the run to show; by default the first with good predictions (see `Runs.pick`)
    progress: called with the share that is done
    Raises `ConfigError`, `CorpusError`.

    >>> done = exercise(Corpus.notebook(), n_runs=8, head_sizes=[20])
    >>> done.run.solved()
    True
    """
    part = 1 / (1 + len(head_sizes))
    first = None if progress is None else (lambda done: progress(done * part))
    rest = None if progress is None else (lambda done: progress(part + done * (1 - part)))
    seeds = range(n_runs) if seed is None else [seed]
    runs = train(corpus, model, training, seeds=seeds, record="none", threads=threads, progress=first)
    shown = seeds[runs.pick()]  # trained once more, alone and with its curve: the same run to the bit
    model, training = model or ModelConfig(), training or TrainConfig()
    moments = moments_of(corpus, model, training.steps)
    run = train(corpus, model, training, seeds=shown, snapshots=moments, threads=threads)[0]
    study = study_head_sizes(
        corpus, head_sizes, model=model, training=training, seeds=range(n_runs), threads=threads, progress=rest
    )
    return Exercise(corpus, runs, run, study)


def of_runs(runs: Runs, number: int | None = None) -> Exercise:
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
    study = Summary("d_head", (Group.of(runs, runs.model.d_head),), runs.model.on(runs.corpus).d_model)
    return Exercise(runs.corpus, runs, run, study)


def sight_words(model: ModelConfig) -> str:
    """Return what a model of a shape sees at a position, in words.

    >>> sight_words(ModelConfig()), sight_words(ModelConfig(causal=False))
    ('the full prefix', 'the whole sentence, the answer included')
    """
    if model.positions:
        return "the full prefix" if model.causal else "the whole sentence, the answer included"
    return f"the tokens of the {'prefix' if model.causal else 'whole sentence'}, not their positions"


def dependency_sentence(item: Dependency, corpus: Corpus, model: ModelConfig) -> str:
    """Return what one dependency of a corpus is for a model of a shape, in words.

    >>> corpus, blind = Corpus.notebook(), ModelConfig(causal=False)
    >>> dependency_sentence(corpus.dependencies(blind)[0], corpus, blind)
    'Sentence 1, position 0: “<Start>” goes on with “man”, elsewhere with “woman”; “man” at position 1 tells which: it is \
the answer itself, as without the causal mask every token is seen.'
    """
    names = corpus.vocabulary
    where = f"Sentence {item.sequence + 1}, position {item.position}: “{names[item.token]}” goes on with"
    others = ", ".join(f"“{names[other]}”" for other in item.alternatives[:MOST_ALTERNATIVES])
    if len(item.alternatives) > MOST_ALTERNATIVES:
        others += f" and {len(item.alternatives) - MOST_ALTERNATIVES:,} more"
    fact = f"{where} “{names[item.target]}”, elsewhere with {others}"
    if not item.resolvable:
        return f"{fact}; {_unknowable(item, corpus, model)}."
    if item.settled_by is None or item.settled_token is None:
        return f"{fact}; {'the whole prefix' if model.causal else 'the whole sentence'} tells which."
    how = ": it is the answer itself, as without the causal mask every token is seen" if item.is_answer else ""
    return f"{fact}; “{names[item.settled_token]}” at position {item.settled_by} tells which{how}."


def _unknowable(item: Dependency, corpus: Corpus, model: ModelConfig) -> str:
    if model.positions or not corpus.resolvable(model.replace(positions=True))[item.sequence, item.position]:
        before = "nothing before it" if model.causal else "nothing in its sentence"
        return f"{before} tells which, so no model can know"
    return "only positions would tell which, so no model without them can know"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
