"""The work behind the page, as frames: the trained run, many seeds, head sizes, trials, and what can be taken away."""

import base64
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import numpy as np

from headlab.analysis.looking.predictions import SOLVED
from headlab.errors import ConfigError
from headlab.lab import SEEDS
from headlab.lab.experiment import FORK_FIELDS, Experiment, notebook_fields, table
from headlab.report.frames.hello import hello_frame
from headlab.report.frames.picture import picture_frame
from headlab.report.frames.recording import Recording
from headlab.report.frames.seeds import seeds_frame
from headlab.report.frames.trial import trial_frame
from headlab.report.frames.why import why_frame
from headlab.report.frames.wire import Frame
from headlab.runs.folder import ORDER
from headlab.runs.moments import moments_of

Progress = Callable[[float], None]

SIZES = (1, 5, 10, 20, 40)
ROUND, ROUNDS = 40, 25  # seeds that each head size gets at a time; 1,000 in the end
FIGURES = ("svg", "png")
MOST_KEPT, MOST_NUMBERS_KEPT = 64, 20_000_000  # runs that questions follow about, and what their moments hold together


def hello(experiment: Experiment, progress: Progress | None = None) -> Iterator[Frame]:
    """Yield what a page must know before its first experiment."""
    yield hello_frame(
        can_train=True, can_try=True, can_open=True, notebook=notebook_fields(), fields=table(), fork_fields=FORK_FIELDS
    )


def picture(experiment: Experiment, progress: Progress | None = None) -> Iterator[Frame]:
    """Yield the trained run with every moment of its training."""
    yield picture_frame(_recorded(experiment, progress))


def why(experiment: Experiment, progress: Progress | None = None) -> Iterator[Frame]:
    """Yield why the run predicts what it predicts, at every moment."""
    yield why_frame(_recorded(experiment, progress))


def seeds(experiment: Experiment, progress: Progress | None = None) -> Iterator[Frame]:
    """Yield the patterns, losses and mechanisms of 64 seeds, one after the other from the experiment's block of 64."""
    first = experiment.seed - experiment.seed % SEEDS
    runs = experiment.train(range(first, first + SEEDS), threads=None, progress=progress)  # a hand may wait for them
    yield seeds_frame(runs)


def sizes(
    experiment: Experiment, number: int, so_far: Sequence[Any], progress: Progress | None = None
) -> Iterator[Frame]:
    """Yield how many of all seeds so far every head size has solved; number: which round of 40 seeds this is.

    so_far: d_head, solved, runs of each head size in the rounds before
    """
    from headlab.study.answer import Answer, Group

    counts = {int(size): (int(solved), int(runs)) for size, solved, runs in so_far}
    block, groups = range(number * ROUND, (number + 1) * ROUND), []
    for place, size in enumerate(SIZES):
        share = None if progress is None else (lambda done, at=place: progress((at + done) / len(SIZES)))
        runs = experiment.with_head(size).train(block, progress=share)
        solved, of = counts.get(size, (0, 0))
        groups.append(Group.of_counts(size, solved + int((runs.grade() == SOLVED).sum()), 0, of + ROUND))
    summary = Answer("d_head", tuple(groups), experiment.model.on(experiment.corpus).d_model)
    rates = [group.rate for group in groups]
    rows = [
        [size, rate.successes, rate.n, rate.share, rate.low, rate.high] for size, rate in zip(SIZES, rates, strict=True)
    ]
    answer, *more = summary.sentences()
    said = {"answer": answer, "sentences": more}
    yield Frame("sizes", {"round": number, "rounds": ROUNDS, "rows": rows, **said})


def trial(experiment: Experiment, what: dict[str, Any], progress: Progress | None = None) -> Iterator[Frame]:
    """Yield what becomes of a choice when a part is taken away, patched, or a row of the pattern is set by hand."""
    yield trial_frame(_recorded(experiment, progress).run, what)


def python_code(experiment: Experiment) -> str:
    """Return Python that trains the same run."""
    corpus = experiment.corpus
    data = f"hl.tasks[{experiment.dataset.name!r}].dataset"
    if not experiment.dataset.name:
        sentences = "\n".join(" ".join(words[corpus.start is not None :]) for words in corpus.sentences)
        data = f"hl.Corpus.from_text({sentences!r}, start={corpus.start!r}, wrap={corpus.wrap!r})"
    lines = [
        "import headlab as hl\n",
        f"data = {data}",
        f"model = hl.{experiment.model!r}",
        f"training = hl.TrainConfig.from_dict({experiment.training.to_dict()!r})",
    ]
    lines.append(f"run = hl.train(data, model, training, seeds={experiment.seed})[0]")
    asked = "run.explain()" if any(item.resolvable for item in corpus.dependencies(experiment.model)) else "run"
    return "\n".join([*lines, f"print({asked})\n"])


def weights(experiment: Experiment, progress: Progress | None = None) -> Iterator[Frame]:
    """Yield the trained weights as a safetensors file, and Python that trains the same run."""
    from safetensors.numpy import save

    run = _recorded(experiment, progress).run
    data = save({name: np.ascontiguousarray(values[0]) for name, values in run.runs.params.items()}, metadata=ORDER)
    yield Frame("weights", {"base64": base64.b64encode(data).decode(), "python": python_code(experiment)})


def figure(experiment: Experiment, what: dict[str, Any], progress: Progress | None = None) -> Iterator[Frame]:
    """Yield a figure of a moment, ready for paper: each shown sentence's pattern and predictions.

    what: format (svg or png), output (sigmoid or probs), moment (its number), layer, head
    """
    from headlab.report.figures.drawing import image
    from headlab.report.figures.runs import about_run, head_at_work

    kind, output = str(what.get("format", "svg")), str(what.get("output", "sigmoid"))
    if kind not in FIGURES:
        raise ConfigError(f"a figure's format must be one of {', '.join(FIGURES)}, got {kind!r}")
    recording = _recorded(experiment, progress)
    moment = min(max(int(what.get("moment", -1)), -1), len(recording.moments) - 1)
    run = recording.past[moment % len(recording.moments)]
    pattern = run.attention(int(what.get("layer", 0)), int(what.get("head", 0)))
    about = about_run(recording.run, run, recording.moments[moment])
    drawn = head_at_work(pattern, run.predictions(output), output=output, about=about)
    yield Frame("figure", {"base64": base64.b64encode(image(drawn, kind)).decode(), "format": kind})


def report(experiment: Experiment, progress: Progress | None = None) -> Iterator[Frame]:
    """Yield the HTML report of the run and its seed's block, as `headlab exercise` writes it."""
    from headlab.homework.exercise import exercise
    from headlab.report.html.homework import render

    done = exercise(
        experiment.dataset, model=experiment.model, training=experiment.training, seed=experiment.seed, threads=1,
        progress=progress,
    )  # fmt: skip
    yield Frame("report", {"html": render(done)})


_kept: dict[Hashable, Recording] = {}  # the newest last


def _recorded(experiment: Experiment, progress: Progress | None) -> Recording:
    """Return the trained run and its moments; the last ones are kept, as questions about them follow."""
    key = experiment.key
    if key in _kept:
        return _kept[key]
    moments = moments_of(experiment.corpus, experiment.model, experiment.training.steps)
    runs = experiment.train([experiment.seed], record="all", moments=moments, progress=progress)
    _kept[key] = Recording.of(runs[0])
    while len(_kept) > MOST_KEPT or (len(_kept) > 1 and sum(kept.size for kept in _kept.values()) > MOST_NUMBERS_KEPT):
        del _kept[next(iter(_kept))]
    return _kept[key]


WORK: dict[str, Callable[..., Iterator[Frame]]] = {
    "hello": hello, "picture": picture, "why": why, "seeds": seeds, "sizes": sizes, "trial": trial, "weights": weights,
    "figure": figure, "report": report,
}  # fmt: skip
