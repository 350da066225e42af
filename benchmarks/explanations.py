"""How often what attribution claims is wrong, and how long explaining takes: `python benchmarks/explanations.py`.

Claims are made from attribution alone; each claimed edge is then ablated in a forward pass of its own. A claim is wrong when
an edge called necessary does not flip the prediction in every ablation, when an ablation said to lose the choice does not
flip the prediction, or when an edge called irrelevant does flip it.
"""

import time
from collections import Counter

import numpy as np

import headlab as hl
from headlab.analysis.choice import choices
from headlab.analysis.explanation.claims import IRRELEVANT, NECESSARY, claims
from headlab.analysis.part import Part
from headlab.analysis.trials.ablation import ablate
from headlab.study.statistics import wilson

SEEDS = range(300)
MODELS = {
    "the notebook's: 1 layer, 1 head": hl.ModelConfig(),
    "1 layer, 4 heads": hl.ModelConfig(n_heads=4, factored_values=True),
    "2 layers, 2 heads, last layer": hl.ModelConfig(n_layers=2, n_heads=2, factored_values=True),
    "2 layers, 2 heads, first layer": hl.ModelConfig(n_layers=2, n_heads=2, factored_values=True),
}


def main() -> None:
    """Print the error rates of claims for each kind of model, and the time of explaining 1,000 runs."""
    for name, model in MODELS.items():
        layer = 0 if model.n_layers == 1 or "first" in name else model.n_layers - 1
        runs = hl.train(hl.Corpus.notebook(), model, seeds=SEEDS, record="none")
        right = runs[runs.solved()]
        counts = count_errors(right, layer)
        print(f"\n{name}: {len(right)} solved runs of {len(runs)}")
        for claim in ("necessary", "lost when zeroed", "lost with the mean", "lost when resampled", "irrelevant"):
            n, wrong = counts[claim, "n"], counts[claim, "wrong"]
            rate = wilson(wrong, n) if n else None
            shown = "no such claim" if rate is None else f"{rate.share:.2%} [{rate.low:.2%}, {rate.high:.2%}]"
            print(f"  {claim:20} {n:6} claims, {wrong:4} wrong: {shown}")
    timing()


def count_errors(runs: hl.Runs, layer: int) -> Counter[tuple[str, str]]:
    """Return how many claims of each sort there are about one layer's edges, and how many of them ablation refutes."""
    counts: Counter[tuple[str, str]] = Counter()
    subject = runs.subject
    for choice in choices(subject):
        found = claims(subject, choice)
        named = found.edges()[:, layer]
        keys = range(choice.place.position + 1)
        edges = [(h, q, k) for h in range(subject.model.n_heads) for q in keys for k in range(q + 1)]
        effects = ablate(subject, choice, [Part("edge", layer, h, k, q) for h, q, k in edges])
        flips = effects.flips
        for number, (h, q, k) in enumerate(edges):
            claim, flipped = named[:, h, q, k], flips[:, number]
            necessary, irrelevant = claim == NECESSARY, claim == IRRELEVANT
            counts["necessary", "n"] += int(necessary.sum())
            counts["necessary", "wrong"] += int((necessary & ~flipped.all(axis=1)).sum())
            counts["irrelevant", "n"] += int(irrelevant.sum())
            counts["irrelevant", "wrong"] += int((irrelevant & flipped.any(axis=1)).sum())
            for kind, words in enumerate(("lost when zeroed", "lost with the mean", "lost when resampled")):
                lost = found.total + found.change[kind, :, layer, h, q, k] < 0
                counts[words, "n"] += int(lost.sum())
                counts[words, "wrong"] += int((lost & ~flipped[:, kind]).sum())
    return counts


def timing() -> None:
    """Print how long it takes to explain 1,000 runs, every sentence and number included, and how long one."""
    runs = hl.train(hl.Corpus.notebook(), seeds=range(1000), record="none")
    best = {"1,000 runs": np.inf, "one run": np.inf, "census of 1,000": np.inf}
    for _ in range(3):
        for name, work in (
            ("1,000 runs", lambda: [item.sentences() for item in fresh(runs).explain()]),
            ("one run", lambda: fresh(runs[5:6]).explain()[0].sentences()),
            ("census of 1,000", lambda: fresh(runs).explain().census()),
        ):
            began = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - began)
    print("\nexplaining, seconds: " + ", ".join(f"{name} {seconds:.3f}" for name, seconds in best.items()))


def fresh(runs: hl.Runs) -> hl.Runs:
    """Return the same runs with nothing computed yet."""
    return runs[np.arange(len(runs))]


if __name__ == "__main__":
    main()
