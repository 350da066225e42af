"""How a recording is made: one seed is trained, and what it did is kept at the moments at which it changed most."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headlab.analysis.clean import Clean, logits_on
from headlab.analysis.looking.head_roles import EXAMPLES, head_roles
from headlab.analysis.looking.predictions import output
from headlab.data.batch import Batch
from headlab.data.held_out import are_few
from headlab.model.params import Params
from headlab.report.words.heads import examples_words, head_sentences, without_sentences
from headlab.runs.moments import log_steps
from headlab.runs.train import Progress, train
from headlab.tasks.recording import Moment, Recording
from headlab.tasks.reference import Reference

if TYPE_CHECKING:
    from headlab.data.dataset import Dataset
    from headlab.runs.models import Models
    from headlab.runs.runs import Run
    from headlab.tasks.task import Task

MOST_MOMENTS, LOOKED_AT = 12, 40  # that are kept, of those whose weights are looked at
MOST_POINTS = 200  # of a curve
MOST_EXAMPLES, MOST_BYTES = 4, 60_000  # of all patterns together, where fewer examples can hold them to that
LONG, WINDOW = 64, 32  # a longer example is shown by so many first places, where nothing that comes later is seen
MOST_SAID, MOST_ROLES = 3, 8
HELD_OUT = 1024


def reproduced_seed(references: Iterable[Reference], found: Mapping[str, Any]) -> int | None:
    """Return the first seed that by itself reaches every number that is known, else the best; None: weights set by hand.

    references: of the recipe; found: what came of it, as `Reproduction.to_dict` has it, with its `best_seed`

    >>> known = Reference("token_accuracy", 1.0, 0.0, "exact", "counted", "best")
    >>> numbers = {"metric": "token_accuracy", "kind": "exact", "over": "best", "target": 1.0, "values": [0.9, 1.0, 1.0]}
    >>> reproduced_seed([known], {"seeds": [5, 6, 7], "references": [numbers], "best_seed": 7})
    6
    """
    seeds = found["seeds"]
    reached = np.ones(len(seeds), bool)
    for known in references:
        same = (known.metric, known.kind, known.over, known.value)
        for numbers in found["references"]:
            of_runs = known.over != "share" and len(numbers["values"]) == len(seeds)
            if of_runs and (numbers["metric"], numbers["kind"], numbers["over"], numbers["target"]) == same:
                values = [np.nan if value is None else value for value in numbers["values"]]
                reached &= [known.holds(value) for value in values]
    return int(seeds[int(reached.argmax())]) if reached.any() else found["best_seed"]


def record(
    task: "Task", recipe: str, seed: int | None, threads: int | None = None, progress: Progress | None = None
) -> Recording:
    """Train one seed of a recipe and return its recording; seed: None: from the recipe's own weights.

    threads, progress: as in `train`, which says what is raised, too

    >>> from headlab.tasks import tasks
    >>> kept = record(tasks["notebook"], "published", 3)
    >>> kept.n_steps, len(kept.moments), kept.moments[-1].step, len(kept.examples)
    (5020, 12, 5020, 2)
    """
    asked = task.recipe(recipe)
    n = asked.training.steps
    looked_at = sorted({*log_steps(n, LOOKED_AT // 2), *np.linspace(0, n, LOOKED_AT // 2).astype(int).tolist()})
    run = train(
        task.dataset,
        asked.model,
        asked.training,
        **asked.begins(seed),
        snapshots=looked_at,
        threads=threads,
        progress=progress,
    )[0]
    steps, past = _past(run)
    kept = _telling(steps, run)
    examples = _examples(task.dataset, run, len(kept))
    moments = replace(past, params=past.params[kept])
    return Recording(
        recipe=recipe,
        seed=run.seed,
        n_steps=int(steps[-1]),
        curve=_curve(run),
        held_out=_held_out(task.dataset, steps, past),
        n_layers=run.model.n_layers,
        n_heads=run.model.n_heads,
        roles=_roles(run),
        roles_on=examples_words(task.dataset, EXAMPLES),
        without=_without(task.dataset, run),
        examples=_spelled(task.dataset, examples),
        moments=list(_moments(steps[kept], moments, examples)),
    )


def _past(run: "Run") -> tuple[NDArray[np.int64], "Models"]:
    """Return the steps before which weights were kept, the end as the last, and the models of then along one axis."""
    runs = run.runs
    ended = int(runs.history.ended_at[0])
    last = ended if ended >= 0 else run.training.steps
    there = runs.snapshot_steps < last
    assert runs.snapshots is not None
    flat = np.concatenate([runs.snapshots[0][there], runs.params.flat()])
    params = Params.from_flat(flat, run.model.on(run.corpus))
    return np.append(runs.snapshot_steps[there], last), replace(runs.models, params=params)


def _telling(steps: NDArray[np.int64], run: "Run") -> NDArray[np.int64]:
    """Return which moments are kept, both ends among them: half by the logarithm of steps, half by how far the loss fell."""
    if len(steps) <= MOST_MOMENTS:
        return np.arange(len(steps))
    every = max(1, len(run.runs.recorded_steps) // MOST_POINTS)
    smooth = np.convolve(run.runs.loss[0], np.ones(every) / every, mode="valid")
    at = run.runs.recorded_steps[: len(smooth)]
    loss = np.interp(steps, at, np.where(np.isfinite(smooth), smooth, 0.0))
    way = sum(_shares(np.diff(path)) for path in (np.log1p(steps), loss))
    along = np.concatenate([[0.0], np.cumsum(way)])
    nearest = np.abs(along[:, None] - np.linspace(0, along[-1], MOST_MOMENTS)).argmin(axis=0)
    kept = {0, len(steps) - 1, *nearest.tolist()}
    rest = (number for number in np.argsort(-way, kind="stable") + 1 if number not in kept)
    while len(kept) < MOST_MOMENTS:
        kept.add(int(next(rest)))
    return np.array(sorted(kept))


def _shares(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    whole = np.abs(parts).sum()
    return np.abs(parts) / whole if whole > 0 else np.zeros(len(parts))


def _curve(run: "Run") -> dict[str, Any]:
    """Return the loss over steps, each point the mean of as many steps as leave no more points than are drawn."""
    steps, loss = run.runs.recorded_steps, run.runs.loss[0].astype(float)
    every = max(1, -(-len(steps) // MOST_POINTS))
    whole = len(steps) // every * every
    means = [array[:whole].reshape(-1, every).mean(axis=1) for array in (steps, loss)]
    return {"steps": _rounded(means[0]), "loss": _rounded(means[1])}


def _held_out(dataset: "Dataset", steps: NDArray[np.int64], past: "Models") -> dict[str, Any] | None:
    """Return how the models of all moments do on held-out examples; None where nothing is drawn."""
    if dataset.stream is None:
        return None
    found = past.held_out(HELD_OUT)
    return {
        "steps": steps.tolist(),
        "loss": _rounded(found.loss),
        "right": _rounded(found.right(dataset.counts)),
        "by": dataset.counts,
        "n_examples": found.n_examples,
    }


def _roles(run: "Run") -> list[str]:
    if not run.finished or not run.model.n_layers:
        return []
    return [" ".join(head_sentences(role)) for role in head_roles(run.runs.subject)[:MOST_ROLES]]


def _without(dataset: "Dataset", run: "Run") -> list[str]:
    """Return what is right without each head, in sentences; the first says on what, and what is with all of them."""
    if not run.finished or not run.model.n_layers:
        return []
    return without_sentences(run.without_heads(exact=are_few(dataset)), dataset.counts)[: 1 + MOST_ROLES]


def _examples(dataset: "Dataset", run: "Run", n_moments: int) -> Batch:
    """Return the first examples of full length, as many as there is room for; those of a stream were not trained on."""
    batch, model = dataset.batch, run.model
    n_ctx = batch.n_ctx
    window = slice(None, WINDOW if n_ctx > LONG and model.causal else None)
    tokens, targets, weights = batch.tokens[:, window], batch.targets[:, window], batch.weights[:, window]
    whole = np.nonzero((tokens >= 0).all(axis=1) & (targets >= 0).any(axis=1))[0]
    of_one = max(1, model.n_layers * model.n_heads * tokens.shape[1] ** 2 * n_moments)
    chosen = whole[: int(np.clip(MOST_BYTES // of_one, 1, MOST_EXAMPLES))]
    return Batch(tokens[chosen], targets[chosen], weights[chosen], batch.d_vocab, batch.d_vocab_out)


def _spelled(dataset: "Dataset", examples: Batch) -> list[dict[str, Any]]:
    vocabulary, outputs = dataset.corpus.vocabulary, dataset.corpus.output_names
    return [
        {
            "tokens": [vocabulary[token] for token in tokens],
            "targets": [None if target < 0 else outputs[target] for target in targets],
        }
        for tokens, targets in zip(examples.tokens.tolist(), examples.targets.tolist(), strict=True)
    ]


def _moments(steps: NDArray[np.int64], past: "Models", examples: Batch) -> Iterable[Moment]:
    names = past.corpus.output_names
    with np.errstate(over="ignore", invalid="ignore"):
        shares = output(logits_on(examples, past.params, past.model), "probs")
    pattern = Clean.of(past.params, examples, past.model).pattern
    order = np.argsort(-shares, axis=-1, kind="stable")[..., :MOST_SAID]
    for number, step in enumerate(steps.tolist()):
        looks = np.nan_to_num(np.moveaxis(pattern[number], 2, 0))
        levels = np.rint(255 * looks).astype(np.uint8)
        said = [
            [_most(shares[number, row, place], order[number, row, place], names) for place in np.nonzero(asked)[0]]
            for row, asked in enumerate(examples.has_target)
        ]
        yield Moment(step, base64.b64encode(levels.tobytes()).decode("ascii"), said)


def _most(shares: NDArray[Any], order: NDArray[np.int64], names: Sequence[str]) -> list[tuple[str, float]]:
    return [(names[output], round(float(np.nan_to_num(shares[output])), 3)) for output in order.tolist()]


def _rounded(values: NDArray[Any]) -> list[float | None]:
    """Return numbers to five digits; None where one is no finite number."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values.tolist()]
