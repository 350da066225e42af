"""Runs drawn from a seed, everything that is said of them, and what of it is false."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from headlab.analysis.explanation.explanation import Explanation, explain
from headlab.analysis.subject import Subject
from truth import corpora, invariances, models
from truth.checker import WHOLES, Facts, problems_of_run
from truth.measures import World
from truth.sets import MOST_PARTS, parts_of

LARGEST = 1e6  # logits: of larger ones rounding alone may be 1e-9
# Runs of each subject of which it is said how many sets of parts suffice, where these are not too many to try.
COUNTED = 1
MOST_EXAMPLES = 6  # of one kind of clause


@dataclass
class Tally:
    """What was checked, and what was found to be false, a line each."""

    runs: Counter = field(default_factory=Counter)  # by grade
    mechanisms: Counter = field(default_factory=Counter)
    corpora: Counter = field(default_factory=Counter)  # runs by kind of corpus
    shapes: Counter = field(default_factory=Counter)  # runs by layers and heads
    clauses: Counter = field(default_factory=Counter)  # by kind
    wholes: Counter = field(default_factory=Counter)  # texts, mechanisms, and what is said of a run or place as a whole
    sentences: int = 0
    false: Counter = field(default_factory=Counter)
    unchanged: Counter = field(default_factory=Counter)  # sentences by what was changed
    moved: Counter = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    huge: int = 0  # runs that were left out

    def within_rounding(self, subject: Subject) -> Subject:
        """Return the runs of whose logits float64 holds what is compared, 1e-9, and count the others."""
        with np.errstate(all="ignore"):
            logits = np.abs(subject.clean.logits[:, subject.corpus.tokens >= 0]).max(axis=(1, 2))
        huge = subject.finite & (logits > LARGEST)
        self.huge += int(huge.sum())
        return subject.some(np.flatnonzero(~huge))

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


def judge(
    seed: int, corpus: int, number: int, n_runs: int, changed: int = 0, examples: dict[str, list] | None = None
) -> Tally:
    """Draw one dataset and one model, train some runs, and check every clause said of them.

    changed: how many of these runs are explained again under every change that must not change a word
    examples: takes of each kind of clause a few, with what is known of their place
    """
    kind, dataset = corpora.draw(seed, corpus)
    subject = models.draw(seed, corpus * 1000 + number, dataset, n_runs)
    tally = Tally()
    if subject is None:
        return tally
    subject = tally.within_rounding(subject)
    if not subject.n_runs:
        return tally
    where = f"seed {seed}, corpus {corpus} ({kind}), model {number}"
    with np.errstate(all="ignore"):
        check(tally, subject, where, examples)
        if changed:
            rng = np.random.default_rng([seed, corpus, number, 3])
            check_unchanged(tally, subject[:changed], invariances.CHANGES, rng, where)
    tally.corpora[kind] += subject.n_runs
    tally.shapes[subject.model.n_layers, subject.model.n_heads] += subject.n_runs
    return tally


def check(tally: Tally, subject: Subject, where: str, examples: dict[str, list] | None = None) -> None:
    """Check every clause said of some runs."""
    world, explanations = World(subject), explain(subject)
    tally.mechanisms.update(explanations.mechanism.tolist())
    tally.runs.update(np.where(subject.finite, subject.grade, "diverged").tolist())
    every = list(explanations)
    if all(len(parts_of(world.at(place))) <= MOST_PARTS for place in world.text.dependencies()):
        counted = explain(subject[:COUNTED])
        counted.minimal()
        every[:COUNTED] = list(counted)
    for run, explanation in enumerate(every):
        tally.sentences += len(explanation)
        for name, problem in problems_of_run(world, run, explanation):
            (tally.wholes if name in WHOLES else tally.clauses)[name] += 1
            if problem:
                tally.false[name] += 1
                tally.lines.append(f"{where}, run {run}: {name}: {problem}")
        if examples is not None:
            _keep(examples, world, run, explanation)


def _keep(examples: dict[str, list], world: World, run: int, explanation: Explanation) -> None:
    for record in explanation.records:
        facts = Facts(world, run, (record.sequence, record.place), record.clauses)
        for at, clause in enumerate(record.clauses):
            some = examples.setdefault(clause.kind, [])
            # One of a world, so that models of all shapes are among them.
            if len(some) < MOST_EXAMPLES and all(kept.world is not world for kept, _, _ in some[-1:]):
                some.append((facts, clause, at))


def check_unchanged(
    tally: Tally,
    subject: Subject,
    changes: dict[str, Callable[..., invariances.Changed | None]],
    rng: np.random.Generator,
    where: str,
) -> None:
    """Explain runs again under each change, and note every head line and sentence that is another one."""
    before = list(said(subject))
    for name, change in changes.items():
        found = change(subject, rng)
        if found is None:
            continue
        for run, (was, now) in enumerate(zip(before, said(found.subject, found.spelled), strict=True)):
            for place, text in was.items():
                at = place if place is None else (found.sentences[place[0]], place[1])
                tally.unchanged[name] += 1
                if now.get(at) != text:
                    tally.moved[name] += 1
                    tally.lines.append(f"{where}, run {run}, {name} at {place}:\n  {text}\n  {now.get(at)}")


def said(subject: Subject, spelled: dict[str, str] | None = None) -> Iterator[dict[object, str]]:
    """For each run the head line (None) and the sentence at each place, in the old spelling."""
    for explanation in explain(subject):
        texts = {(record.sequence, record.place): record.sentence for record in explanation.records}
        texts[None] = explanation.mechanism
        yield {place: invariances.respelled(text, spelled or {}) for place, text in texts.items()}
