"""What the page's views draw of a run, as frames: every kept moment of its training, and why it predicts what it predicts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.choice import choices
from headlab.analysis.explanation.evidence import Evidence
from headlab.analysis.parts.mechanism import MEANINGS, MECHANISMS
from headlab.errors import SelectionError
from headlab.model.params import Params
from headlab.report.frames.parts import listed_parts
from headlab.report.frames.wire import Frame, shares
from headlab.runs.moments import MOST_NUMBERS, MOST_SENTENCES, room_for

if TYPE_CHECKING:
    from headlab.config import ModelConfig
    from headlab.data.corpus import Corpus
    from headlab.runs.models import Models
    from headlab.runs.runs import Run, Runs

MOST_NUMBERS_IN_A_FILE = 100_000  # in one array of what a file keeps: a report, a notebook
MOST_POINTS = 400  # of the loss curve
MOST_DEPENDENCIES, MOST_PATHS = 8, 40
MOST_RUNS, MOST_WEIGHTS = 1_000, 400_000  # beside each other, and what their patterns hold together


@dataclass(frozen=True, eq=False)
class Recording:
    """A run and what it was at each kept moment: `past` holds one model a moment, the last one being the trained one."""

    run: "Run"
    moments: Sequence[int]
    past: "Models"

    @classmethod
    def of(cls, run: "Run", most: int = MOST_NUMBERS) -> "Recording":
        """Return a run with the snapshots that it has, and its end; fewer where one array would have more than `most` numbers."""
        weights = run.runs.params.flat()
        steps = run.training.steps
        if run.snapshots is None:
            return cls(run, [steps], run.runs.models)
        moments, snapshots = run.snapshot_steps.tolist(), run.snapshots
        if not moments or moments[-1] < steps:
            moments, snapshots = [*moments, steps], np.concatenate([snapshots, weights])
        room = room_for(run.corpus, run.model, most)
        if len(moments) > room:
            chosen = np.linspace(0, len(moments) - 1, room).round().astype(int)
            moments, snapshots = [moments[at] for at in chosen], snapshots[chosen]
        params = Params.from_flat(snapshots, run.model.on(run.corpus))
        return cls(run, moments, replace(run.runs.models, params=params))

    def frames(self) -> Iterator[Frame]:
        """Yield the picture, and then why the run predicts what it predicts."""
        yield self.picture()
        yield self.why()

    @property
    def size(self) -> int:
        """How many numbers its moments hold, about."""
        run = self.run
        return (
            len(self.moments) * run.corpus.tokens.size * run.model.n_layers * run.model.n_heads * 4 * run.corpus.n_ctx
        )

    def picture(self) -> Frame:
        """Return the run with its patterns and logits at every moment."""
        run, past = self.run, self.past
        corpus, model = run.corpus, run.model
        shown = slice(0, min(len(corpus.tokens), MOST_SENTENCES))
        points = np.unique(np.linspace(0, max(0, len(run.loss) - 1), min(len(run.loss), MOST_POINTS)).astype(int))
        drops = np.nonzero(np.diff(run.learning_rate))[0] + 1
        return Frame(
            "picture",
            {
                "seed": run.seed,
                "outcome": run.outcome_sentence,
                "finished": run.finished,
                "solved": run.solved(),
                "grade": run.grade(),
                "final_loss": run.final_loss,
                "steps": self.moments[-1],
                "parameters": model.on(corpus).n_weights,
                "n_layers": model.n_layers,
                "n_heads": model.n_heads,
                "causal": model.causal,
                "d_head": model.d_head,
                "drops": [[int(run.recorded_steps[at]), float(run.learning_rate[at])] for at in drops.tolist()],
                "corpus": corpus_values(corpus, model),
            },
            {
                "moments": np.array(self.moments),
                "pattern": past.activations().pattern[:, :, :, shown],
                "logits": past.logits()[:, shown],
                "loss_step": run.recorded_steps[points],
                "loss": run.loss[points],
            },
        )

    def why(self) -> Frame:
        """Return the explanation of the run, and the parts of each choice at every moment: by source, by head, by path.

        Each array [moment, choice, part] begins with what the token's and the position's embedding give past all heads; a
        dependency's `parts` say what the numbers are of, under the array's name, as far as the place sees them.
        """
        run, past = self.run, self.past
        if not run.finished:
            return Frame("why", {"none": f"The run {run.outcome_sentence}: there is nothing to explain."})
        try:
            explanation = run.explain().first(MOST_DEPENDENCIES)
            explained = choices(past.subject)[:MOST_DEPENDENCIES]
        except SelectionError as error:
            return Frame("why", {"none": str(error)})
        every = [Evidence(past.subject, choice).contributions for choice in explained]
        direct = [np.stack([found.direct, found.positional], axis=1) for found in every]
        ways = {"source": [found.by_source for found in every]}
        paths = [path for path in every[0].paths if path]
        if len(paths) > 1:
            ways["head"] = [np.stack(list(found.by_last_head.values()), axis=1) for found in every]
        if 1 < len(paths) <= MOST_PATHS and run.model.n_layers > 1:
            ways["path"] = [found.by_path for found in every]
        layers, heads = run.model.n_layers, run.model.n_heads
        circuits = (
            [_tables(run, layer, head) for layer, head in np.ndindex(layers, heads)] if layers * heads <= 4 else []
        )
        said = explanation.to_dict()
        for dependency, choice, found in zip(said["dependencies"], explained, every, strict=True):
            dependency["parts"] = {way: listed_parts(past.subject, choice, found, way) for way in ways}
        return Frame(
            "why",
            {
                **said,
                "circuits": circuits,
            },
            {
                way: np.stack([np.concatenate(both, axis=1) for both in zip(direct, found, strict=True)], axis=1)
                for way, found in ways.items()
            },
        )


def _tables(run: "Run", layer: int, head: int) -> dict[str, Any]:
    return {
        name: {
            "rows": list(map(str, frame.index)),
            "columns": list(map(str, frame.columns)),
            "values": frame.round(4).to_numpy().tolist(),
        }
        for name, frame in run.circuits(layer, head).tables().items()
        if frame.size <= 1024
    }


def seeds_frame(runs: "Runs") -> Frame:
    """Return patterns, losses and mechanisms of many runs, the first ones where there are too many to draw.

    `seed` counts the runs where they came from given weights; `of` is how many there are.
    """
    of, shown = len(runs), slice(0, min(len(runs.corpus.tokens), 2))
    runs = runs[: min(MOST_RUNS, max(2, MOST_WEIGHTS // (shown.stop * runs.corpus.n_ctx**2)))]
    return Frame(
        "seeds",
        {
            "of": of,
            "seed": list(range(len(runs))) if runs.seeds is None else [int(seed) for seed in runs.seeds],
            "solved": runs.solved().tolist(),
            "grade": runs.grade().tolist(),
            "mechanism": _mechanisms(runs),
            "meanings": MEANINGS,
            "order": list(MECHANISMS),
        },
        {"loss": runs.final_loss, "pattern": shares(runs.activations().pattern[:, 0, 0, shown])},
    )


def _mechanisms(runs: "Runs") -> list[str]:
    try:
        return [str(name) for name in runs.explain().mechanism]
    except SelectionError:  # nothing to explain: the current token always tells
        return [""] * len(runs)


def corpus_values(corpus: "Corpus", model: "ModelConfig") -> dict[str, Any]:
    """Return what the page says about the corpus, as a model of a shape sees it."""
    return {
        "vocabulary": list(corpus.vocabulary),
        "labels": list(corpus.labels),
        "tokens": [[int(token) for token in row if token >= 0] for row in corpus.tokens],
        "targets": [row[: int(length)].tolist() for row, length in zip(corpus.targets, corpus.lengths, strict=True)],
        "floor": corpus.floor(model),
        "bigram_floor": corpus.bigram_floor(),
        "dependencies": [
            {
                "sequence": item.sequence,
                "position": item.position,
                "settled_by": item.settled_by,
                "resolvable": item.resolvable,
            }
            for item in corpus.dependencies(model)
        ],
    }
