"""How the training ended."""

from typing import Any

from twins.twin import Twin


def said(twin: Twin) -> dict[str, Any]:
    run = twin.run
    return {"outcome": run.outcome_sentence, "finished": run.finished, "final_loss": run.final_loss}
