"""Whether discovery methods find an explanation: `python benchmarks/discovery.py`, with --write into docs/explanations.md.

All minimal sets of parts that suffice are known (`analysis.minimal`), so that a method can be held against them. Each method gets
the same parts and the same test of sufficiency, and returns one set a run:

    direct attribution         parts by what they give to the logit difference, pattern held fixed: the fewest first that suffice
    edge attribution patching  the same by the gradient times what a part loses, with the pattern reacting
    greedy pruning             from all parts, those that give least go first as long as the rest suffices, until none can go

Attribution is the mean over the sentences concerned. Methods are scored at the corpus' first dependency, on solved runs: how
often the set is one of the minimal ones (Wilson's interval), how many parts it has, and how alike the sets of two seeds are: the
share of the parts of either that both have, on the mean over all pairs (bootstrap intervals over runs).
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import bootstrap

import headlab as hl
from headlab.analysis.choice import Choice, Place, each_choice
from headlab.analysis.minimal.solve import ABLATIONS, Tried, minimal_of, scenes_of, trials
from headlab.analysis.minimal.subsets import members
from headlab.analysis.minimal.sufficiency import Scene, lost
from headlab.analysis.parts.exact import compared, exact, readout
from headlab.analysis.parts.gradients import gradients
from headlab.analysis.subject import Subject
from headlab.study.statistics import wilson

PAGE = Path(__file__).parent.parent / "docs" / "explanations.md"
BEGIN, END = "<!-- benchmarks/discovery.py writes from here -->", "<!-- to here -->"
RUNS, SEEDS = 100, 300
TWO_HEADS = hl.ModelConfig(n_heads=2, factored_values=True)
THREE_WAYS = "man ordered the chicken\nwoman ordered the beef\nchild ordered the soup"
ELSEWHERE = "man ordered the chicken\nlo woman ordered the beef"
CASES = {
    "notebook, 1 head": (hl.Corpus.notebook(), hl.ModelConfig()),
    "notebook, 2 heads": (hl.Corpus.notebook(), TWO_HEADS),
    "notebook, 2 layers": (hl.Corpus.notebook(), hl.ModelConfig(n_layers=2)),
    "three ways, 1 head": (hl.Corpus.from_text(THREE_WAYS), hl.ModelConfig()),
    "subject elsewhere, 1 head": (hl.Corpus.from_text(ELSEWHERE), hl.ModelConfig()),
}
METHODS = ("direct attribution", "edge attribution patching", "greedy pruning", "all subsets: a smallest one")
Found = dict[
    str, list[tuple[frozenset[object], bool]]
]  # by method, of every run: its set, and whether that is a minimal one


def main() -> None:
    """Score the methods on every case, and print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/explanations.md")
    text = tables({name: discover(*case) for name, case in CASES.items()})
    print(text)
    if parser.parse_args().write:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


def discover(corpus: hl.Corpus, model: hl.ModelConfig, seeds: int = SEEDS, most: int = RUNS) -> dict[str, Found]:
    """Return what every method finds in the first solved runs, by ablation."""
    runs = hl.train(corpus, model, seeds=range(seeds), record="none")
    subject = runs[np.nonzero(runs.grade() == "solved")[0][:most]].subject
    found: dict[str, Found] = {kind: {method: [] for method in METHODS} for kind in ABLATIONS}
    for chosen, choice in each_choice(subject, subject.dependencies[0]).groups():
        some = subject.some(chosen)
        for tried in trials(some, choice):
            for kind in tried.tables:
                score(some.some(tried.runs), choice, tried, kind, found[kind])
    return found


def score(subject: Subject, choice: Choice, tried: Tried, kind: str, found: Found) -> None:
    """Add the set that each method finds in each run."""
    scenes = scenes_of(subject, choice, tried.donors)
    direct = attribution(subject, choice, tried, scenes["zero"], adjoint)
    patching = attribution(subject, choice, tried, scenes[kind], gradients)
    for run, (suffices, minimal) in enumerate(zip(tried.tables[kind], minimal_of(tried, kind), strict=True)):
        if not minimal.sets:
            continue  # by this ablation's sentences it is not right with all parts
        sets = {
            "direct attribution": fewest_first(direct[run], suffices),
            "edge attribution patching": fewest_first(patching[run], suffices),
            "greedy pruning": pruned(direct[run], suffices),
            "all subsets: a smallest one": minimal.sets[0],
        }
        for method, parts in sets.items():
            names = frozenset(tried.parts[number] for number in parts)
            found[method].append((names, tuple(sorted(parts)) in minimal.sets))


def attribution(
    subject: Subject, choice: Choice, tried: Tried, scenes: list[Scene], back: Callable[..., np.ndarray]
) -> np.ndarray:
    """Return [run, part]: by how much the target's lead falls when a part goes, to first order, on the mean over scenes."""
    total = np.zeros((subject.n_runs, len(tried.parts)))
    for scene in scenes:
        rivals = choice.rivals if scene.place == choice.place else (choice.target,)
        w = readout(subject.params, scene.target, rivals)
        G = back(subject, scene.place, scene.target, rivals)
        for number, part in enumerate(tried.parts):
            query = scene.at.get(part.query or 0)
            if part.kind != "edge" or query is not None:
                towards = w if part.kind != "edge" else G[:, (part.layer or 0) + 1, query]
                total[:, number] += (lost(subject, scene, part) * towards).sum(axis=1) / len(scenes)
    return total


def adjoint(subject: Subject, place: Place, target: int, rivals: Sequence[int]) -> np.ndarray:
    """Return what a vector at each layer and position adds to a logit difference, pattern held fixed."""
    asked = compared(subject.corpus.d_vocab, target, rivals)
    return exact(subject).adjoints((place.sequence, place.position), asked)


def fewest_first(scores: np.ndarray, suffices: np.ndarray) -> tuple[int, ...]:
    """Return the fewest parts, those with the highest scores, that suffice."""
    kept = 0
    for part in np.argsort(-scores, kind="stable").tolist():
        if suffices[kept]:
            break
        kept |= 1 << part
    return members(kept)


def pruned(scores: np.ndarray, suffices: np.ndarray) -> tuple[int, ...]:
    """Return what is left of all parts when those that give least have gone, one by one, until no single one can go."""
    kept, before = len(suffices) - 1, -1
    while kept != before:
        before = kept
        for part in np.argsort(scores, kind="stable").tolist():
            if kept >> part & 1 and suffices[kept & ~(1 << part)]:
                kept &= ~(1 << part)
    return members(kept)


def alike(sets: list[frozenset[object]]) -> np.ndarray:
    """Return [run, run]: the share of the parts of either set that both have; of two sets of nothing, 1.

    >>> alike([frozenset("ab"), frozenset("bc")]).round(2).tolist()
    [[1.0, 0.33], [0.33, 1.0]]
    """
    return np.array([[len(a & b) / len(a | b) if a | b else 1.0 for b in sets] for a in sets])


def stability(same: np.ndarray) -> str:
    """Return how alike the sets of two runs are on the mean over all pairs, with its bootstrap interval over runs."""

    def mean_over_pairs(runs: np.ndarray) -> float:
        apart = runs[:, None] != runs  # a run that was drawn twice says nothing about two seeds
        return float(same[np.ix_(runs, runs)][apart].mean())

    return interval(np.arange(len(same)), mean_over_pairs, 2)


def interval(values: np.ndarray, statistic: Callable[[np.ndarray], float], digits: int) -> str:
    """Return a statistic with its 95 % bootstrap interval (percentiles of 1,000 resamples)."""
    found = bootstrap(
        (values,), statistic, vectorized=False, n_resamples=1000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    return f"{statistic(values):.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def tables(cases: dict[str, dict[str, Found]]) -> str:
    """Return a table of Markdown an ablation."""
    found = []
    for kind in ABLATIONS:
        lines = [
            f"| taken away by {kind} | method | runs | finds a minimal set | parts | alike in two seeds |",
            "|---|---|---|---|---|---|",
        ]
        for name, of_kind in cases.items():
            for method, results in of_kind[kind].items():
                sets, hits = zip(*results, strict=True)
                sizes = interval(np.array([len(one) for one in sets]), np.mean, 1)
                cells = [wilson(sum(hits), len(hits)), sizes, stability(alike(list(sets)))]
                first = name if method == METHODS[0] else ""
                lines.append(f"| {first} | {method} | {len(hits)} | {' | '.join(map(str, cells))} |")
        found.append("\n".join(lines))
    return "\n\n".join(found)


if __name__ == "__main__":
    main()
