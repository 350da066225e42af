"""What is asked of a model as a whole: its loss, and what its current tokens tell."""

from typing import Any

from twins.twin import Twin


def said(twin: Twin) -> dict[str, Any]:
    subject = twin.run.subject
    return {
        "finite": bool(subject.finite[0]),
        "mean_loss": subject.mean_loss[0],
        "alone": subject.goes_by_token_alone[0],
        "near": subject.near_bigram[0],
        "order": subject.in_order(0, range(subject.corpus.d_vocab)),
    }
