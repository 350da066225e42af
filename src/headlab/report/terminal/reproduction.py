"""A task that was run, on a terminal: its badge and numbers, how it learned, and where the best seed looks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.padding import Padding
from rich.rule import Rule

from headlab.notation.numbers import duration, quantity
from headlab.notation.tables import telling_columns
from headlab.notation.values import and_more
from headlab.report import limits
from headlab.report.terminal.grid import MARKS, as_text, terminal_table
from headlab.report.terminal.plot import CurvePlot
from headlab.report.words import gallery as words
from headlab.report.words.heads import examples_words, head_sentences, without_sentences

if TYPE_CHECKING:
    from headlab.runs.runs import Run
    from headlab.study.reproduction import Reproduction

MOST_HEADS = 4  # whose attention is on a screen
FEW = 8  # rows and columns of the attention in a long example
MOST_ROLES = 8  # heads that are spoken of
STYLES = {"reproduced": ("right", "bold green"), "not reproduced": ("wrong", "bold red")}


def badge_text(badge: str) -> Any:
    """Return a badge in sign and colour.

    >>> badge_text("reproduced").plain, badge_text("no published number").plain
    ('✓ reproduced', '· no published number')
    """
    return badge_mark(badge) + as_text(f" {badge}", style=STYLES.get(badge, ("", "bold"))[1])


def badge_mark(badge: str) -> Any:
    """Return a badge's sign alone, in its colour."""
    mark, style = STYLES.get(badge, ("open", "bold"))
    return as_text(MARKS[mark], style=style)


def result_texts(result: Mapping[str, Any], seeds: Sequence[int]) -> Iterator[Any]:
    """Yield one number beside the one that is known, and every seed's below; result: as `Measured.to_dict` has it."""
    yield badge_mark(result["badge"]) + as_text(f" {words.here_sentence(result)}")
    if result["target"] is not None:
        yield Padding(as_text(words.known_sentence(result)), (0, 0, 0, 2))
    if len(result["values"]) > 1:
        yield Padding(as_text(words.seeds_words(result, seeds), style="dim"), (0, 0, 0, 2))


def reproduction_blocks(done: "Reproduction") -> Iterator[Any]:
    """Yield the screen's blocks of a task that was run."""
    found, runs = done.to_dict(), done.runs
    yield Rule(as_text(f"{done.task.name}: {done.task.title}"), align="left")
    recipe = done.task.recipe(done.recipe)
    yield as_text(f"Recipe {done.recipe}: {words.recipe_words(recipe, done.task.dataset)}.")
    yield as_text("")
    yield badge_text(done.badge)
    for result in found["references"]:
        yield from result_texts(result, found["seeds"])
    yield as_text("")
    yield from _curves(done)
    yield from _attention(runs[done.best])
    yield from _heads(done)
    yield from _without(done)
    diverged = int((~runs.finished).sum())
    ended = f", {diverged:,} of them diverged" if diverged else ""
    yield as_text(f"\n{quantity(len(runs), 'run')}{ended}, {duration(done.seconds)} in all.", style="dim")


def _curves(done: "Reproduction") -> Iterator[Any]:
    runs = done.runs
    if runs.loss.shape[1]:
        known = {
            f"{item.reference.kind} {words.number_text(item.reference.value)}": item.reference.value
            for item in done.measured
            if item.reference is not None and item.metric == "cross_entropy"
        }
        title = f"Loss of {quantity(len(runs), 'run')}, in nats; seed {_seed(runs[done.best])} does best"
        yield CurvePlot(runs.recorded_steps, runs.loss.astype(float), done.best, title, known)


def _seed(run: "Run") -> str:
    return "none" if run.seed is None else str(run.seed)


def _heads(done: "Reproduction") -> Iterator[Any]:
    """Yield what the heads of the best run do, a line each."""
    if done.roles:
        on = examples_words(done.runs.dataset, done.roles[0].n_examples)
        yield as_text(f"\nWhat the heads of seed {_seed(done.runs[done.best])} do, {on}:")
    for role in done.roles[:MOST_ROLES]:
        for number, sentence in enumerate(head_sentences(role)):
            yield Padding(as_text(sentence), (0, 0, 0, 2)) if number else as_text(f"• {sentence}")
    yield from map(as_text, and_more(len(done.roles) - MOST_ROLES, "heads", "headlab tasks run … --json"))


def _without(done: "Reproduction") -> Iterator[Any]:
    """Yield what the best run still has right without each of its heads, a line each."""
    if done.without_heads is not None:
        yield as_text("")
        first, *lines = without_sentences(done.without_heads, done.counts)
        yield as_text(first)
        yield from (as_text(f"• {line}") for line in lines[:MOST_ROLES])
        yield from map(as_text, and_more(len(lines) - MOST_ROLES, "heads", "headlab tasks run … --json"))


def _attention(run: "Run") -> Iterator[Any]:
    """Yield where the heads of a run look in the first example."""
    if not run.finished:
        return
    heads = list(np.ndindex(run.model.n_layers, run.model.n_heads))
    place = int(np.nonzero(run.corpus.targets[0] >= 0)[0].max(initial=0))
    for layer, head in heads[:MOST_HEADS]:
        frame = run.attention(layer, head)[0]
        long = len(frame) > limits.MOST_COLUMNS
        shown = frame.iloc[limits.window(len(frame), place, FEW if long else limits.MOST_ROWS)]
        which = "the head looks" if len(heads) == 1 else f"head {layer}.{head} looks"
        yield as_text("")
        title = f"Where {which}, seed {_seed(run)}, example 1: from (row) to (column)"
        yield terminal_table(telling_columns(shown, FEW if long else limits.MOST_COLUMNS), title=title, shade=True)
    yield from map(as_text, and_more(len(heads) - MOST_HEADS, "heads", "run.attention(layer, head)"))
