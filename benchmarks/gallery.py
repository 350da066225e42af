"""Run every task of the gallery, and write what came of it: `make gallery`, or `python benchmarks/gallery.py NAME …` for some.

Keeps the results in src/headlab/tasks/gallery.json, from which `headlab tasks` has its badges, draws docs/img/gallery/ and writes
docs/gallery.md. --page writes the page alone, of the results that are there. --recordings trains one seed of each task that the
gallery's HTML page cannot train, and keeps what it did in src/headlab/tasks/recordings/.
"""

import argparse
import json
import math
import time
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import headlab as hl
from headlab.engine import Job, cost
from headlab.notation.numbers import duration, quantity
from headlab.notation.values import and_more
from headlab.report.figures.drawing import image
from headlab.report.figures.reproduction import reproduction_figure
from headlab.report.json.gallery import is_live, machine_words
from headlab.report.json.recording import record, reproduced_seed
from headlab.report.json.tasks import reproduction_json
from headlab.report.json.values import json_text
from headlab.report.words import gallery as words
from headlab.study.reproduction import JUDGED, REPRODUCED, plan, reproduce, whole_badge
from headlab.tasks import tasks
from headlab.tasks.gallery import FILE, Gallery, last_gallery
from headlab.tasks.recording import FOLDER
from headlab.tasks.task import Task

ROOT = Path(__file__).parents[1]
PAGE, FIGURES = ROOT / "docs" / "gallery.md", ROOT / "docs" / "img" / "gallery"
MOST_HEADS = 8  # of a recipe, that are spoken of
MARKS = {REPRODUCED: "✓"}
ONCE = ("title", "source", "name")  # of a task, not of each of its results


def recipes_to_run(task: Task, most: float = math.inf, only: str | None = None) -> list[str]:
    """Return the recipes of a task of which something is known, and its first one, that take at most so many seconds."""
    if only is not None:
        return [only]
    known = {item.recipe for item in task.references}
    some = [name for number, name in enumerate(task.recipes) if number == 0 or name in known]
    return [name for name in some if math.isinf(most) or seconds_of(task, name) <= most]


def seconds_of(task: Task, recipe: str) -> float:
    """Return about how long a recipe's training takes, over its seeds."""
    asked = plan(task, recipe)
    return cost.seconds(Job.of(task.dataset, asked.model, asked.training), len(asked.seeds))


def run(task: Task, most: float, only: str | None, before: dict[str, Any]) -> dict[str, Any]:
    """Run a task's recipes over the seeds that their numbers are stated for, and draw what came of each.

    only: one recipe alone; before: what came of recipes, which those keep that are not run now
    """
    results, today = {name: before[name] for name in task.recipes if name in before}, date.today().isoformat()
    for name in recipes_to_run(task, most, only):
        began = time.monotonic()
        done = reproduce(plan(task, name))
        print(f"{task.name}, {name}: {done.badge}, {duration(time.monotonic() - began)}", flush=True)
        for result in done.to_dict()["references"]:
            print(f"    {words.here_sentence(result)}", flush=True)
        if has_figure(task, name):
            FIGURES.mkdir(parents=True, exist_ok=True)
            figure_file(task.name, name).write_bytes(image(reproduction_figure(done), "svg"))
        found = {key: value for key, value in reproduction_json(done).items() if key not in ONCE}
        results[name] = found | {"date": today}
    results = {name: results[name] for name in task.recipes if name in results}
    badge = whole_badge(result["badge"] for found in results.values() for result in found["references"])
    seconds = sum(found["seconds"] for found in results.values())
    return {"badge": badge, "seconds": round(seconds, 2), "date": today, "recipes": results}


def write_recordings(names: Iterable[str]) -> None:
    """Record a run of each task that does not train live: of the first recipe that was run."""
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        task, ran = tasks[name], last_gallery().recipes(name)
        if is_live(task) or not ran:
            print(f"{name}: {'trains live' if ran else 'was not run'}, no recording", flush=True)
            continue
        recipe = next(item for item in task.recipes if item in ran)
        found = ran[recipe]
        began = time.monotonic()
        known = [item for item in task.references if item.recipe == recipe]
        text = json_text(record(task, recipe, reproduced_seed(known, found)).to_dict(), in_a_line=True)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}, {recipe}: {len(text):,} letters, {duration(time.monotonic() - began)}", flush=True)


def has_figure(task: Task, recipe: str) -> bool:
    """Return whether a recipe is drawn: a task's first one, and those that are held to a published or exact number."""
    judged = {item.recipe for item in task.references if item.kind in JUDGED}
    return recipe in judged or recipe == next(iter(task.recipes))


def written(gallery: Gallery) -> str:
    """Return the results as JSON, a task on a line."""
    head = {name: value for name, value in vars(gallery).items() if name != "tasks"}
    lines = [
        f"{json.dumps(name)}: {json_text(_rounded(found), in_a_line=True)}" for name, found in gallery.tasks.items()
    ]
    return json.dumps(head)[:-1] + ', "tasks": {\n' + ",\n".join(lines) + "\n}}\n"


def _rounded(value: Any) -> Any:
    """Return a value with its numbers to ten digits."""
    match value:
        case float():
            return float(f"{value:.10g}")
        case dict():
            return {name: _rounded(item) for name, item in value.items()}
        case list():
            return [_rounded(item) for item in value]
    return value


def figure_file(task: str, recipe: str) -> Path:
    """Return where the figure of a recipe is."""
    return FIGURES / f"{task}-{recipe.replace(' ', '-')}.svg"


def page(gallery: Gallery) -> str:
    """Return docs/gallery.md."""
    count = sum(gallery.badge(name) == REPRODUCED for name in tasks)
    return "\n".join(
        [
            "# The gallery",
            "",
            "Known problems about heads, each with its published number run again: `headlab tasks run NAME` runs one, "
            "`headlab tasks new mine.py` begins one of your own. This page is written by `make gallery`.",
            "",
            f"{words.when_words(gallery).capitalize()}: {count} of {quantity(len(tasks), 'task')} came out as published or as "
            "counted.",
            "",
            *LEGEND,
            "",
            *table(gallery),
            "",
            *(line for name in tasks for line in section(gallery, name)),
        ]
    )


LEGEND = [
    "What a badge says: **reproduced**, every published and every exact number came out within its tolerance over the seeds that "
    "it is stated for; **not reproduced**, one did not, and both numbers stand here; **no published number**, there is none to "
    "hold it to. Numbers are *published* (by others), *exact* (they follow from the data, by counting) or *measured* (here, "
    "before), and these are never mixed. Intervals are of 95 %: Wilson's of shares, order statistics of medians, Student's of "
    "means.",
]


def table(gallery: Gallery) -> Iterator[str]:
    """Yield the table of all tasks: its badge, its first number, and what it took."""
    yield "| task | badge | here | known | seeds | time |"
    yield "|---|---|---|---|---|---|"
    for name in tasks:
        found = gallery.headline(name)
        badge = f"{MARKS.get(gallery.badge(name), '')} {gallery.badge(name)}".strip()
        if found is None:
            yield f"| [{name}](#{name}) | {badge} | | | | |"
            continue
        here = (
            f"{words.metric_words(found['metric'])} {words.here_words(found)}, {words.OVER[found['over']].split()[0]}"
        )
        cells = (here, words.known_words(found), len(found["values"]), duration(gallery.tasks[name]["seconds"]))
        yield f"| [{name}](#{name}) | {badge} | {' | '.join(map(str, cells))} |"


def section(gallery: Gallery, name: str) -> Iterator[str]:
    """Yield what is said of a task: what it is, every number beside the one that is known, a figure a recipe."""
    task = tasks[name]
    yield from (f"## {name}", "", f"**{task.title[:1].upper()}{task.title[1:]}.** From {task.source}.", "")
    for paragraph in words.paragraphs(task.text):
        yield from (paragraph, "")
    yield from ((f"Licence of its data: {task.license}.", "") if task.license else ())
    for recipe, found in gallery.recipes(name).items():
        said = words.recipe_words(task.recipe(recipe), task.dataset)
        took = f"{words.runs_words(found)}, {duration(found['seconds'])} on {found.get('date', gallery.tasks[name]['date'])}"
        yield f"Recipe `{recipe}`: {said}. {took}; {found['badge']}."
        yield ""
        for result in found["references"]:
            known = "" if result["target"] is None else words.known_sentence(result)
            yield f"- {words.here_sentence(result)} {known[:1].upper()}{known[1:]}".rstrip()
        yield ""
        yield from heads(found)
        if has_figure(task, recipe):
            file = figure_file(name, recipe).relative_to(PAGE.parent).as_posix()
            alt = f"{name}, recipe {recipe}: losses, every seed beside the known number, attention and answers of the best seed"
            yield from (f"![{alt}]({file})", "")
    ran = gallery.tasks.get(name, {"recipes": task.recipes})["recipes"]
    lacking = [item for item in task.references if item.recipe not in ran]
    yield from (f"- Not run: {words.reference_sentence(item)}" for item in lacking)
    yield from ("" for _ in range(bool(lacking)))
    yield from (f"`headlab tasks run {name}`", "")


def heads(found: dict[str, Any]) -> Iterator[str]:
    """Yield what the heads of a recipe's best run do."""
    if found["heads"]:
        whose = "the run" if found["best_seed"] is None else f"seed {found['best_seed']}, the best,"
        yield from (f"What the heads of {whose} do, {found['heads_on']}:", "")
        yield from (f"- {' '.join(head['sentences'])}" for head in found["heads"][:MOST_HEADS])
        yield from (f"- {line}" for line in and_more(len(found["heads"]) - MOST_HEADS, "heads"))
        yield ""
    if found.get("without_heads"):
        first, *lines = found["without_heads"]["sentences"]
        yield from (first, "")
        yield from (f"- {line}" for line in lines[:MOST_HEADS])
        yield from (f"- {line}" for line in and_more(len(lines) - MOST_HEADS, "heads"))
        yield ""


def main() -> None:
    """Run tasks, keep what came of them, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="tasks to run; the others keep their results")
    parser.add_argument(
        "--most", type=float, default=math.inf, metavar="SECONDS", help="leave out recipes that take longer"
    )
    parser.add_argument("--recipe", help="run this one alone, of one task; the others keep their results")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    parser.add_argument("--recordings", action="store_true", help="write recordings alone")
    options = parser.parse_args()
    if options.recordings:
        write_recordings(options.names or tasks)
        return
    gallery = last_gallery()
    if not options.page:
        for name in options.names or list(tasks):
            before = gallery.recipes(name)
            found = run(tasks[name], options.most, options.recipe, before)
            if not found["recipes"]:
                print(f"{name}: left out", flush=True)
                continue
            kept = {**gallery.tasks, name: found}
            ordered = {key: kept[key] for key in tasks if key in kept}
            gallery = Gallery(date.today().isoformat(), machine_words(), hl.__version__, ordered)
            FILE.write_text(written(gallery), encoding="utf-8")
    PAGE.write_text(page(Gallery(**json.loads(FILE.read_text(encoding="utf-8")))), encoding="utf-8")


if __name__ == "__main__":
    main()
