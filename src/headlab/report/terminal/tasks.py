"""The tasks that headlab knows by name, on a terminal: all of them, and one with everything that is known of it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.rule import Rule

from headlab.notation.numbers import duration, quantity, size_of
from headlab.notation.values import listing
from headlab.report import limits
from headlab.report.terminal.grid import TableColumn, TerminalTable, as_text
from headlab.report.terminal.reproduction import badge_mark, badge_text, result_texts
from headlab.report.words import gallery as words
from headlab.tasks import tasks
from headlab.tasks.gallery import Gallery, last_gallery
from headlab.tasks.task import Task

if TYPE_CHECKING:
    from headlab.study.task_check import Checked

MOST_TOKENS = 24  # of a vocabulary, or of an example
MOST_ANSWERS = 12  # of an example


def tasks_blocks() -> Iterable[Any]:
    """Yield the table of tasks, with their badges, and what there is to find in each."""
    gallery = last_gallery()
    rows = {name: _row(name, gallery) for name in tasks}
    columns = [
        TableColumn(as_text(title), [row[title] for row in rows.values()], "left") for title in _row("", gallery)
    ]
    badges = {name: gallery.badge(name) for name in tasks}
    yield TerminalTable(
        "Tasks, each a name for FILE", [badge_mark(badges[name]) + f" {name}" for name in tasks], columns
    )
    meanings = [badge_text(badge) for badge in sorted(set(badges.values()), key=list(badges.values()).index)]
    yield as_text("   ").join(meanings) + f" · {words.when_words(gallery)}"
    yield as_text("")
    for name, task in tasks.items():
        yield as_text(f"{name}: {task.title}")


def _row(name: str, gallery: Gallery) -> dict[str, Any]:
    found = gallery.headline(name)
    if found is None:
        return dict.fromkeys(("what is measured", "here", "known", "time"), as_text(""))
    texts = {
        "what is measured": words.metric_words(found["metric"]),
        "here": words.here_words(found),
        "known": words.known_words(found, short=True),
        "time": duration(found["seconds"]),
    }
    return {title: as_text(text) for title, text in texts.items()}


def task_blocks(task: Task) -> Iterator[Any]:
    """Yield everything that is known of a task: what it is about, how it is trained, and which numbers there are."""
    yield Rule(as_text(f"{task.name}: {task.title}"), align="left")
    yield from (as_text(line) for part in words.paragraphs(task.text) for line in (part, ""))
    yield as_text(f"From {task.source}." if task.source else "From nowhere that it names.")
    yield from (as_text(f"Licence of its data: {task.license}.") for _ in range(bool(task.license)))
    yield from _data(task)
    yield as_text("")
    for name, recipe in task.recipes.items():
        yield as_text(f"Recipe {name}: {words.recipe_words(recipe, task.dataset)}.")
    yield from _numbers(task)
    yield as_text("")
    yield as_text(f"headlab tasks run {task.name}", style="cyan", no_wrap=True, overflow="ignore")


def _data(task: Task) -> Iterator[Any]:
    corpus = task.dataset.corpus
    yield as_text(f"{quantity(corpus.d_vocab, 'token')}: {listing(corpus.vocabulary, ' ', MOST_TOKENS)}")
    for number, sentence in enumerate(corpus.sentences[: limits.MOST_SENTENCES]):
        yield as_text(f"Example {number + 1}: {listing(sentence, ' ', MOST_TOKENS)}")
        yield Padding(as_text(f"to answer: {words.answer_words(corpus, number, MOST_ANSWERS)}"), (0, 0, 0, 2))


def _numbers(task: Task) -> Iterator[Any]:
    """Yield what is known of every recipe, with what came of it in the last run of the gallery."""
    gallery = last_gallery()
    results = gallery.recipes(task.name)
    for reference in task.references:
        if reference.recipe not in results:
            yield as_text(f"• {words.reference_sentence(reference)}")
    for name, found in results.items():
        yield as_text(f"\nRecipe {name}, {words.when_words(gallery)}, {duration(found['seconds'])}:")
        for result in found["references"]:
            yield from result_texts(result, found["seeds"])


def check_blocks(found: "Checked") -> Iterator[Any]:
    """Yield what a task is in which nothing is wrong, and what it takes."""
    yield Rule(as_text(f"{found.task.name}: {found.task.title}"), align="left")
    yield as_text("Nothing is wrong with it.")
    yield from _data(found.task)
    for item in found.taken:
        recipe = found.task.recipe(item.plan.recipe)
        yield as_text(f"Recipe {item.plan.recipe}: {words.recipe_words(recipe, found.task.dataset)}.")
        seeds = quantity(len(item.plan.seeds), "seed")
        yield as_text(
            f"  {seeds} take about {duration(item.seconds)} on this machine and {size_of(item.bytes)} of memory."
        )
