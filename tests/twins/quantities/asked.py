"""What the kernel is asked to train."""

from typing import Any

from headlab.engine.job import Job
from headlab.engine.recipe import settings_at
from twins.twin import Twins

OF = "problem"
SIZES = ("d_vocab", "n_ctx", "d_model", "d_head", "n_layers", "n_heads")
OPTIONS = ("positions", "residual", "causal", "factored_values", "unembed")
FORCE = (
    *("loss", "optimizer", "learning_rate", "momentum", "nesterov", "rho", "centered"),
    *("beta_1", "beta_2", "epsilon", "weight_decay"),
)


def said(twins: Twins) -> dict[str, Any]:
    experiment = twins.experiment
    corpus, model, training = experiment.dataset.corpus, experiment.model, experiment.training
    shape = Job.of(corpus, model, training).shape
    phases = []
    for number, phase in enumerate(training.phases):
        settings = settings_at(training, number)
        phases.append(
            {
                "steps": phase.steps,
                **{name: getattr(settings, name) for name in FORCE},
                "sets_rate": number == 0 or "learning_rate" in phase.changes,
                "plateau": None if phase.plateau is None else phase.plateau.to_dict(),
                "plateau_goes_on": phase.plateau_goes_on,
                "freeze": list(phase.freeze),
            }
        )
    return {
        "shape": {name: getattr(shape, name) for name in SIZES} | {name: getattr(model, name) for name in OPTIONS},
        "tokens": corpus.tokens,
        "targets": corpus.targets,
        "scale": model.init_scale,
        "phases": phases,
        "moments": twins.moments,
    }
