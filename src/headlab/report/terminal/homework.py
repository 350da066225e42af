"""The homework on a terminal: what was trained, both tables, both items, and at the end the two answers."""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from headlab.analysis.looking.predictions import GRADES, HAIR, NOT_SOLVED, NOTHING_TO_SOLVE, SOLVED, verdicts
from headlab.homework.answers import has_finite_outputs
from headlab.notation.numbers import quantity, with_sign
from headlab.notation.tables import telling_columns
from headlab.notation.values import and_more, listing
from headlab.report import limits
from headlab.report.terminal.grid import as_text, terminal_table
from headlab.report.words import homework as words
from headlab.report.words.commands import NO_COMMANDS, RunCommands
from headlab.report.words.corpus import dependency_sentence, label_note
from headlab.report.words.explanation import part_table
from headlab.study.answer import UNTOLD

if TYPE_CHECKING:
    from headlab.data.corpus import Corpus
    from headlab.homework.answers import ItemAnswer
    from headlab.homework.exercise import Exercise
    from headlab.runs.runs import Run
    from headlab.study.answer import Against, Group

GRADE_STYLES = {SOLVED: "green", HAIR: "dark_orange3", NOT_SOLVED: "red"}  # green is for what is solved, nothing else
MOST_HEADS = 2  # whose attention is on a screen
MOST_SIZES = 20  # head sizes, a line each
MOST_ASSOCIATED = 8  # tokens of the association table
MOST_WORDS = 16  # of a sentence that is only named


def exercise_blocks(
    exercise: "Exercise", commands: RunCommands = NO_COMMANDS, *, details: bool = False
) -> Iterator[Any]:
    """Yield the screen's blocks.

    commands: about the run that is shown, for the screen to quote; details: with everything that the answers rest on
    """
    yield from _what_was_trained(exercise)
    if details:
        yield from _corpus(exercise)
        yield from _model(exercise)
    yield _rule("Item 1: predictions and attention weights")
    yield from _tables(exercise, commands)
    if details:
        yield from _why(exercise, commands)
    yield _rule("Item 2: head sizes")
    yield from _sizes(exercise)
    if details:
        yield from _bullets(words.item_2_notes(exercise))
    yield _rule("Your two answers")
    for answer in exercise.answers:
        yield from _answer(answer, details)


def _rule(title: str) -> Rule:
    return Rule(title, align="left")


def _what_was_trained(exercise: "Exercise") -> Iterator[Text]:
    run, runs, corpus = exercise.run, exercise.runs, exercise.corpus
    some = " / ".join(
        listing(corpus.sentence(n).split(" "), " ", MOST_WORDS)
        for n in range(corpus.n_sequences)[: limits.MOST_SENTENCES]
    )
    left = len(corpus.sentences) - limits.MOST_SENTENCES
    rest = quantity(left, "more sentence")
    yield as_text(f"Corpus: {some}{f' … and {rest}' if left > 0 else ''}")
    layers, heads = (quantity(n, what) for n, what in ((run.model.n_layers, "layer"), (run.model.n_heads, "head")))
    parameters = run.summary()["parameters"].iloc[-1]
    yield as_text(
        f"Model: {layers}, {heads}, d_head {run.model.d_head}, {parameters:,} parameters; {run.training.in_words()}."
    )
    line = as_text("Runs: " if len(runs) > 1 else "Run: ")
    if len(runs) > 1:
        line.append_text(grade_counts_text(runs.grade()))
        line.append(". Shown is ")
    line.append("the run from given weights: " if run.seed is None else f"seed {run.seed}: ")
    line.append(run.grade(), GRADE_STYLES.get(run.grade(), ""))
    loss = f", loss {run.final_loss:.4f}" if run.finished else f", {run.outcome_sentence}"
    line.append(
        f"{loss} (at best {corpus.floor(run.model):.4f}, the floor; by the current token alone "
        f"{corpus.bigram_floor():.4f}, the bigram floor)."
    )
    yield line


def grade_counts_text(grades: Any) -> Text:
    """Return how many runs have which grade, each in its colour.

    >>> grade_counts_text(np.array(["solved", "solved", "right by a hair"])).plain
    'of 3, 2 are solved, 1 right by a hair, 0 not solved'
    >>> grade_counts_text(np.array(["nothing to solve"])).plain
    '1, with nothing to solve'
    """
    if not np.isin(grades, GRADES).any():
        return as_text(f"{len(grades):,}, with {NOTHING_TO_SOLVE}")
    text = as_text(f"of {len(grades):,}, ")
    for name in GRADES:
        text.append(f"{int((grades == name).sum()):,}{' are' if name == SOLVED else ''} {name}", GRADE_STYLES[name])
        text.append(", " if name != NOT_SOLVED else "")
    return text


def _tables(exercise: "Exercise", commands: RunCommands) -> Iterator[Any]:
    run, shown = exercise.run, exercise.shown_sentences(limits.MOST_SENTENCES)
    if not has_finite_outputs(run):
        yield as_text(words.NO_TABLES)
        return
    frames, marks = run.predictions(), verdicts(run.logits(), run.corpus, run.model)
    for sequence, place in shown:
        rows = limits.window(len(frames[sequence]), place, limits.MOST_ROWS)
        yield as_text("")
        yield _predictions(run, sequence, frames[sequence].iloc[rows], marks[sequence][rows], rows)
    if note := label_note(run.corpus):
        yield as_text(note, style="dim")
    heads = list(np.ndindex(run.model.n_layers, run.model.n_heads))[:MOST_HEADS]
    for layer, head in heads:
        frames = run.attention(layer, head)
        which = "" if run.model.n_layers * run.model.n_heads == 1 else f", layer {layer}, head {head}"
        for sequence, place in shown:
            frame = frames[sequence].iloc[limits.window(len(frames[sequence]), place, limits.MOST_ROWS)]
            title = f"Attention weights{which}, sentence {sequence + 1}"
            yield as_text("")
            yield terminal_table(telling_columns(frame, limits.MOST_COLUMNS), title=title, shade=True)
    left = run.model.n_layers * run.model.n_heads - len(heads)
    yield from map(as_text, and_more(left, "heads", commands.export("attention")))
    yield from map(as_text, words.more_sentences(exercise, len(shown), commands))


def _predictions(run: "Run", sequence: int, frame: pd.DataFrame, marks: list[str], rows: slice) -> Any:
    corpus, targets = run.corpus, run.corpus.targets[sequence][rows]
    kept = telling_columns(frame, limits.MOST_COLUMNS, sorted({int(t) for t in targets if t >= 0}))
    names = [corpus.output_labels[target] if target >= 0 else "" for target in targets]
    title = f"Output predictions (sigmoid output), head size {run.model.d_head}, sentence {sequence + 1}"
    return terminal_table(kept, title=title, shade=True, marks=marks, targets=names)


def _sizes(exercise: "Exercise") -> Iterator[Any]:
    sizes, base = exercise.sizes, exercise.base
    against = {item.value: item for item in sizes.against(base)}
    groups = sizes.groups[:MOST_SIZES]
    losses = {item.value: item.loss.value for item in against.values()} | {base: _base_loss(sizes.groups[0], against)}
    rows = [_size_row(group, against.get(group.value), losses[group.value]) for group in groups]
    frame = pd.DataFrame(rows, index=[f"d_head {group.value}" for group in groups])
    if not against:
        frame = frame.iloc[:, :-2]
    if sizes.nothing_to_solve:
        frame = frame.loc[:, [name for name in frame.columns if name.startswith("loss")]]
    frame.columns = [str(name).replace("base", str(base)) for name in frame.columns]
    grades = "" if sizes.nothing_to_solve else " solved, right by a hair, not solved;"
    title = f"Of {quantity(groups[0].rate.n, 'run')}:{grades} median loss; [95 % interval]"
    yield terminal_table(frame, title=title)
    if not sizes.nothing_to_solve and any(
        item.share.verdict == UNTOLD and item.share.low * item.share.high > 0 for item in against.values()
    ):
        yield as_text("Several sizes are compared at once: an interval without 0 is not yet enough.")
    yield from map(as_text, and_more(len(sizes.groups) - len(groups), "head sizes"))


def _size_row(group: "Group", item: "Against | None", loss: float) -> dict[str, str]:
    counts = {"solved": int(group.solved.sum()), "hair": int(group.hair.sum())}
    counts["not"] = group.rate.n - sum(counts.values())
    row = {name: str(count) for name, count in counts.items()}
    row["loss"] = "none" if math.isnan(loss) else f"{loss:.3f}"
    row["solved vs base"] = "" if item is None else _difference(item.share, 100, 0)
    row["loss vs base"] = "" if item is None else _difference(item.loss, 1, 3)
    return row


def _base_loss(group: "Group", against: "dict[Any, Against]") -> float:
    for item in against.values():
        return float(item.loss.base)
    return float(np.median(group.finite_losses)) if len(group.finite_losses) else math.nan


def _difference(found: Any, factor: float, digits: int) -> str:
    if not np.isfinite([found.difference, found.low, found.high]).all():
        return "too few"
    middle, low, high = (with_sign(factor * x, digits) for x in (found.difference, found.low, found.high))
    return f"{middle} [{low}, {high}]"


def _answer(answer: "ItemAnswer", details: bool) -> Iterator[Any]:
    yield as_text(f"{answer.item}  {answer.question}", style="bold")
    for sentence in answer.sentences:
        yield Padding(as_text(sentence), (0, 0, 0, 3))
    if details and answer.how_sure:
        yield Padding(as_text("How sure?", style="italic"), (0, 0, 0, 3))
        for sentence in answer.how_sure:
            yield Padding(as_text(sentence), (0, 0, 0, 3))


def _corpus(exercise: "Exercise") -> Iterator[Any]:
    corpus, model, most = exercise.corpus, exercise.run.model, limits.MOST_PLACES
    yield _rule("The corpus")
    yield from map(as_text, _ids(corpus))
    yield from map(as_text, and_more(corpus.n_sequences - most, "sentences"))
    yield as_text("")
    association = corpus.association()
    table = telling_columns(association.head(MOST_ASSOCIATED), MOST_ASSOCIATED)
    yield terminal_table(table, title="Association: P(next token | token)", shade=True)
    yield from map(as_text, and_more(len(association) - MOST_ASSOCIATED, "tokens"))
    dependencies = corpus.dependencies(model)
    yield from _bullets(dependency_sentence(item, corpus, model) for item in dependencies[:most])
    yield from map(as_text, and_more(len(dependencies) - most, "dependencies"))


def _ids(corpus: "Corpus") -> Iterator[str]:
    for tokens, targets in zip(corpus.tokens[: limits.MOST_PLACES], corpus.targets, strict=False):
        ids, wanted = (
            listing((int(number) for number in row if number >= 0), most=MOST_WORDS) for row in (tokens, targets)
        )
        yield f"ids [{ids}] → targets [{wanted}]"


def _model(exercise: "Exercise") -> Iterator[Any]:
    run, table = exercise.run, exercise.run.summary()
    yield _rule("The model and its training")
    ranks = ", ".join(f"{rank:.2f}" for rank in np.ravel(table.attrs["effective_rank_W_QK"]))
    rows = zip(table.index[:-1].astype(str), table["shape"].astype(str), strict=False)
    yield as_text("   ".join(" ".join(row) for row in rows))
    yield as_text(f"{table['parameters'].iloc[-1]:,} parameters; effective rank of W_QK: {ranks}")
    yield as_text("Layers: " + ", ".join(f"{layer.number} {layer.name}" for layer in run.layers()))
    yield as_text(words.training_lines(run))


def _why(exercise: "Exercise", commands: RunCommands) -> Iterator[Any]:
    if exercise.explanation is not None:
        for record in exercise.explanation.first(limits.MOST_SENTENCES).records:
            if record.finite:
                title = f"{record.pair}, sentence {record.sequence + 1}"
                yield Padding(
                    terminal_table(part_table(record, limits.MOST_PARTS, limits.OUTCOME), title=title), (1, 0, 0, 0)
                )
    yield from _bullets(words.item_1(exercise, commands))


def _bullets(sentences: Iterable[str]) -> Iterator[Any]:
    return (as_text(f"• {sentence}") for sentence in sentences)
