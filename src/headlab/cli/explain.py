"""`headlab explain`: why a run predicts what it predicts, and every check of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headlab.cli.ahead import importing
from headlab.cli.help import Command
from headlab.cli.options import (
    corpus_options,
    json_option,
    number_or_text,
    retraced_options,
    seed_list,
    setting_options,
    settings_asked,
    shell_word,
    threads_option,
    training_seconds,
    typed_options,
)
from headlab.cli.predict import number_of_run
from headlab.cli.terminal import progress_bar, put_json, say, show
from headlab.errors import ConfigError, SelectionError
from headlab.notation.values import and_more, listing, short_repr

if TYPE_CHECKING:
    from headlab.analysis.explanation.explanation import Explanation
    from headlab.config import ModelConfig
    from headlab.data.corpus import Corpus
    from headlab.report.words.commands import RunCommands
    from headlab.report.words.tables import Tables
    from headlab.runs.models import Model, Models
    from headlab.runs.runs import Run, Runs

RUNS_TO_PICK_FROM, DRAWN_TO_PICK_FROM = 100, 8  # of a task that draws its examples fewer: each takes long
TABLES = ("circuits", "scores", "battery", "paths", "minimal")
OF_MANY = ("battery", "minimal")  # the tables that many runs have, too
EXPORTED = {
    "circuits": "circuits",
    "scores": "scores",
    "paths": "contributions",
    "minimal": "minimal",
}  # the tables that hold all of them


@dataclass(frozen=True)
class Question:
    """What is asked about a run: a choice, and what to do to it; sentence: counted from 1."""

    sentence: Any
    position: str | None
    tokens: str | None
    ablations: tuple[str, ...]
    patches: tuple[str, ...]
    pattern: str | None
    layer: Any
    head: Any
    table: str | None

    def check(self, corpus: "Corpus", model: "ModelConfig") -> None:
        """Raise `SelectionError`, before anything is trained, where the model and its corpus cannot be asked this."""
        from headlab.analysis.choice import check_dependencies

        if self.table == "circuits" and not model.n_layers:
            raise SelectionError("circuits must be those of a head, and this model has no layers: ask for a prediction")
        if not self.asks_for_place and self.table not in ("circuits", "scores"):
            check_dependencies(corpus, model)
        self.place(corpus)

    def place(self, corpus: "Corpus") -> dict[str, Any]:
        """Return the choice's arguments; raises `SelectionError` for a sentence that does not exist."""
        from headlab.analysis.trials.spelling import read_word, read_words

        count = corpus.n_sequences
        if self.sentence is not None and not (isinstance(self.sentence, int) and 1 <= self.sentence <= count):
            known = listing((f"{n} {' '.join(words)}" for n, words in enumerate(corpus.sentences, 1)), "; ")
            raise SelectionError(f"--sentence must be one of: {known}; got {short_repr(self.sentence)}")
        return {
            "sequence": None if self.sentence is None else self.sentence - 1,
            "position": _read_option(read_word, self.position, "--position must be a number from 0, or a word"),
            "tokens": _read_option(
                lambda text: tuple(read_words(text, ",")), self.tokens, "--tokens must be like man,woman"
            ),
        }

    @property
    def asks_for_intervention(self) -> bool:
        """Whether something is to be done to the run."""
        return bool(self.ablations or self.patches or self.pattern)

    @property
    def asks_for_place(self) -> bool:
        """Whether one choice is asked about instead of all."""
        return not (self.sentence is None and self.position is None and self.tokens is None)


@click.command(cls=Command)
@corpus_options
@click.option(
    "--seeds",
    help="A seed to explain, or a range like 0:1000 to count mechanisms.  [default: the first that predicts well; a link's]",
)
@click.option(
    "--run", "number", type=number_or_text, metavar="NUMBER", help="The run of saved ones.  [default: as above]"
)
@click.option("--sentence", type=number_or_text, metavar="NUMBER", help="Only this sentence, counted from 1.")
@click.option("--position", metavar="POSITION", help="Only this position: a number from 0, or a word.")
@click.option(
    "--tokens", metavar="A,B", help="Explain A against B.  [default: the target and what it is confused with]"
)
@click.option(
    "--ablate",
    "ablations",
    multiple=True,
    metavar="PART",
    help="Take a part away: zero, mean, resample, mask; may be repeated.",
)
@click.option(
    "--patch", "patches", multiple=True, metavar="WHAT", help="Patch from the other sentence; may be repeated."
)
@click.option("--pattern", metavar="WEIGHTS", help="Set the position's attention by hand, like man=0.5,2=0.5.")
@click.option(
    "--layer", type=number_or_text, metavar="NUMBER", help="Only this layer's part, for --patch, --pattern and --show."
)
@click.option("--head", type=number_or_text, metavar="NUMBER", help="Only this head's part.")
@click.option("--show", "table", metavar="TABLE", help=f"Print a table instead: {', '.join(TABLES)}.")
@setting_options
@threads_option
@json_option
@click.pass_context
def explain(ctx: click.Context, /, seeds: str | None, number: Any, as_json: bool, **options: Any) -> None:
    """Say why a run predicts what it predicts, and prove it by intervening.

    FILE holds one sentence a line (`-` reads standard input), is the name of a task, a folder that `headlab train --save`
    wrote, weights that the lab saved (.safetensors), or a link of the lab, in quotes: '#d_head=5&seed=12'; without it, the
    task `notebook`. For every dependency of the corpus: where the run looks, what that gives, how the dependency is coded,
    and what becomes of the prediction when parts are taken away.

    \b
    PART is   source:POSITION  edge:QUERY>KEY  edge:LAYER.HEAD:QUERY>KEY
              head:LAYER.HEAD  token:TOKEN  direct  direct:token
              direct:position  positions  mlp:LAYER
    where     POSITION, QUERY and KEY are numbers from 0 or words, TOKEN is
              an id or a word. A word that is a number, or that holds one of
              > , =, goes in double quotes: 'edge:3>"<Start>"'
    WHAT is   q  k  v  z  pattern  scores  resid
    TABLE is  circuits (QK and OV in words)
              scores (previous token, induction …; what draws the eye)
              battery (uniform, permuted, another run's pattern)
              paths (through every head)
              minimal (all minimal sets of parts that suffice)
    """
    names = ("sentence", "position", "tokens", "ablations", "patches", "pattern", "layer", "head", "table")
    question = Question(**{name: options.pop(name) for name in names})
    if question.table not in (None, *TABLES):
        raise ConfigError(f"--show must be one of {', '.join(TABLES)}, got {short_repr(question.table)}")
    runs, commands = _runs(ctx, question, seeds, number, options)
    if len(runs) > 1 and (number is not None or seeds is None):
        runs = runs[[number_of_run(runs, number)]]
    if len(runs) > 1 and question.table != "battery":
        foreign = question.table not in (None, *OF_MANY)
        if question.asks_for_intervention or question.asks_for_place or foreign:
            raise ConfigError(f"one run must be chosen for that, got {len(runs)} seeds: name one with --seeds")
        _census(runs, as_json, minimal=question.table == "minimal")
    else:
        _one(runs, question, commands, as_json)


def _runs(
    ctx: click.Context, question: Question, seeds: str | None, number: Any, options: dict[str, Any]
) -> tuple["Runs | Models", "RunCommands"]:
    """Return the runs asked about, and the commands that ask about one of them again."""
    with importing():
        from headlab.report.words.commands import RunCommands
        from headlab.runs.folder import is_run_file
        from headlab.runs.link import is_link
        from headlab.runs.runs import load
        from headlab.runs.train import train
        from headlab.tasks.door import usual_recipe

    file = options["file"]
    if file is not None and not is_link(file) and (Path(file).is_dir() or is_run_file(file)):
        _refuse_task(file)
        foreign = [
            f"--{name.replace('_', '-')}" for name in [*typed_options(ctx), *([] if seeds is None else ["seeds"])]
        ]
        if foreign:
            raise ConfigError(
                f"saved runs must be taken as they were trained, got {', '.join(foreign)}: leave that out"
            )
        saved = load(file)
        return saved, RunCommands.of_folder(shell_word(file), number_of_run(saved, number))
    if number is not None:
        raise ConfigError("--run must go with a folder of saved runs, got none: name the folder, or use --seeds")
    dataset, model, training, linked = settings_asked(ctx, options)
    question.check(dataset.corpus, model)
    few = RUNS_TO_PICK_FROM if dataset.stream is None else DRAWN_TO_PICK_FROM
    numbers = linked or range(few) if seeds is None else seed_list(seeds)
    expected = partial(training_seconds, dataset, model, training, len(numbers), **options)
    with progress_bar("training", expected=expected) as progress:
        start = usual_recipe(dataset).begins(numbers)
        runs = train(dataset, model, training, record="none", progress=progress, **start, **options)
    seed = runs.seeds[number_of_run(runs, None)] if runs.seeds is not None else 0
    return runs, RunCommands.of_options(retraced_options(ctx, file), seed)


def _refuse_task(folder: str) -> None:
    from headlab.tasks import tasks

    if folder in tasks:
        raise ConfigError(
            f"FILE must be one thing, got {folder}, a task and a folder here: write ./{folder} for the folder"
        )


def _census(runs: "Runs | Models", as_json: bool, minimal: bool) -> None:
    from headlab.report.json.values import records
    from headlab.report.terminal.explanation import census_blocks, distribution_blocks

    explanations = runs.explain()
    some = explanations.in_some_seconds()
    if minimal:
        with progress_bar("trying sets of parts") as progress:
            some.minimal(progress)
    if as_json:
        left = len(explanations.asked) - len(some.asked)
        census = some.census(minimal=minimal).reset_index()
        found = {"census": records(census), "runs": records(some.table())}
        if minimal:
            found["minimal"] = records(some.minimal().distribution().reset_index())
        put_json(found | ({"places_left_out": left} if left else {}))
        return
    show(census_blocks(explanations))
    if minimal:
        show(distribution_blocks(some.minimal(), some.mechanism))


def _one(runs: "Runs | Models", question: Question, commands: "RunCommands", as_json: bool) -> None:
    run = runs[0]
    if question.table == "minimal":
        _minimal(run, question, commands, as_json)
    elif question.table is not None:
        _table(runs, question, commands, as_json)
    elif question.asks_for_intervention:
        _intervene(run, question, as_json)
    else:
        _explain(run, question, commands, as_json)


def _explanation(run: "Run | Model", question: Question) -> "Explanation":
    from headlab.analysis.explanation.explanation import explain as explain_subject
    from headlab.runs.runs import Run

    chosen = [run.choice(**question.place(run.corpus)).choice] if question.asks_for_place else None
    seed = run.seed if isinstance(run, Run) else None
    name = "given weights" if seed is None else seed
    return explain_subject(run.subject, chosen, [name])[0]


def _minimal(run: "Run | Model", question: Question, commands: "RunCommands", as_json: bool) -> None:
    from headlab.report.limits import MOST_PAGE_PLACES, MOST_PLACES
    from headlab.report.terminal.explanation import minimal_blocks
    from headlab.report.words.minimal import numbered

    explanation = _explanation(run, question)
    shown = explanation.first(MOST_PAGE_PLACES if as_json else MOST_PLACES)
    left = len(explanation) - len(shown)
    if as_json:
        put_json({"minimal": numbered(shown.minimal())} | ({"places_left_out": left} if left else {}))
    else:
        say(repr(run))
        show(minimal_blocks(shown.minimal(), left, commands.export("minimal")))


def _explain(run: "Run | Model", question: Question, commands: "RunCommands", as_json: bool) -> None:
    from headlab.report.limits import MOST_PAGE_PLACES
    from headlab.report.terminal.explanation import explanation_blocks
    from headlab.report.words.explanation import PLACES

    explanation = _explanation(run, question)
    if as_json:
        found = explanation.to_dict(MOST_PAGE_PLACES)
        left = and_more(found.get("left_out", 0), PLACES, commands.export("explanations"))
        put_json(found | ({"more": left[0]} if left else {}))
    else:
        say(repr(run))
        show(explanation_blocks(explanation, commands))


def _intervene(run: "Run | Model", question: Question, as_json: bool) -> None:
    from headlab.analysis.trials.spelling import read_weights
    from headlab.report.json.values import records
    from headlab.report.terminal.explanation import effects_blocks

    choice = run.choice(**question.place(run.corpus))
    only = {"layer": question.layer, "head": question.head}
    found = []
    if question.ablations:
        found.append(choice.ablate(*question.ablations))
    if question.patches:
        whats = [what for part in question.patches for what in part.split(",")]
        found.append(choice.patch(whats, **only))
    if question.pattern:
        layer, head = question.layer or 0, question.head or 0
        weights = _read_option(read_weights, question.pattern, "--pattern must be weights like man=0.5,2=0.5")
        found.append(choice.set_pattern(weights, layer=layer, head=head))
    if as_json:
        put_json({"choice": choice.words(), "effects": [r for item in found for r in records(item.table())]})
        return
    place = choice.place
    sentence = run.corpus.sentence(place.sequence)
    say(f"{run!r}\nSentence {place.sequence + 1}: {sentence}; position {place.position}")
    for effects in found:
        show(effects_blocks(effects, choice.words()))


def _read_option(read: Callable[[str], Any], text: str | None, expected: str) -> Any:
    """Return what a text spells, None for none; raises `ConfigError`."""
    from headlab.analysis.trials.spelling import QUOTING

    try:
        return None if text is None else read(text)
    except ValueError:
        raise ConfigError(f"{expected} ({QUOTING}), got {short_repr(text)}") from None


def _table(runs: "Runs | Models", question: Question, commands: "RunCommands", as_json: bool) -> None:
    from headlab.report.json.values import records
    from headlab.report.limits import MOST_PAGE_COLUMNS, MOST_PAGE_ROWS, cut_table
    from headlab.report.terminal.explanation import frame_blocks

    everything = commands.export(EXPORTED[question.table]) if question.table in EXPORTED else ""
    asked = _tables(runs, question)
    if not as_json:
        show(block for table in asked.tables for block in frame_blocks(table.frame, table.title, everything))
        for line in asked.lines:
            say(line)
        return
    cut = {table.name: cut_table(table.frame, MOST_PAGE_ROWS, MOST_PAGE_COLUMNS, everything) for table in asked.tables}
    left = {name: sentences for name, (_, sentences) in cut.items() if sentences}
    put_json({name: records(frame) for name, (frame, _) in cut.items()} | ({"left_out": left} if left else {}))


def _tables(runs: "Runs | Models", question: Question) -> "Tables":
    """Return the tables that are asked for."""
    from headlab.report.words import tables

    run = runs[0]
    match question.table:
        case "circuits":
            return tables.circuit_tables(run, question.layer or 0, question.head or 0)
        case "paths":
            return tables.path_table(run.choice(**question.place(run.corpus)))
        case "scores":
            return tables.score_tables(run)
    return tables.battery_tables(runs)
