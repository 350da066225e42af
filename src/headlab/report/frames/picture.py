"""The picture of a run, as a frame: what it saw and said at every kept moment, its curve, and what is known of its corpus."""

from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.report.frames.wire import Frame
from headlab.runs.moments import drawn_sentences

if TYPE_CHECKING:
    from headlab.config import ModelConfig
    from headlab.data.corpus import Corpus
    from headlab.report.frames.recording import Recording

MOST_POINTS = 400  # of the loss curve


def picture_frame(recording: "Recording") -> Frame:
    """Return the run with its patterns and logits at every moment."""
    run, past = recording.run, recording.past
    corpus, model = run.corpus, run.model
    shown = slice(0, drawn_sentences(corpus, model))
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
            "steps": recording.moments[-1],
            "parameters": model.on(corpus).n_weights,
            "n_layers": model.n_layers,
            "n_heads": model.n_heads,
            "causal": model.causal,
            "d_head": model.d_head,
            "drops": [[int(run.recorded_steps[at]), float(run.learning_rate[at])] for at in drops.tolist()],
            "corpus": corpus_values(corpus, model),
        },
        {
            "moments": np.array(recording.moments),
            "pattern": past.activations().pattern[:, :, :, shown],
            "logits": past.logits()[:, shown],
            "loss_step": run.recorded_steps[points],
            "loss": run.loss[points],
        },
    )


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
