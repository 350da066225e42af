"""How often what attribution claims is wrong, and how long explaining takes: `python benchmarks/explanations.py`.

Claims are made from attribution alone; each claimed edge is then ablated in a forward pass of its own. An edge is claimed
`necessary` or `irrelevant` (see `headlab.analysis.explanation.claims`), or an ablation is said to lose the prediction: the
target, which is the single most likely token, no longer is. A claim is wrong when the forward pass finds otherwise. `--write`
puts the table into docs/explanations.md. How long explaining takes is said by benchmarks/explaining.py.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from explaining import WORKS, timing

import headlab as hl
from headlab.analysis.choice import Choice, dependencies, each_choice
from headlab.analysis.explanation.claims import IRRELEVANT, NECESSARY, claims, verdicts
from headlab.analysis.part import Part
from headlab.analysis.subject import Subject
from headlab.analysis.trials.ablation import ablate
from headlab.analysis.trials.effects import Effects
from headlab.study.statistics import wilson

PAGE = Path(__file__).parents[1] / "docs" / "explanations.md"
BEGIN, END = "<!-- benchmarks/explanations.py --write writes from here -->", "<!-- to here -->"
SEEDS, MOST_PLACES = range(80), 4  # of each model on each corpus; places of each corpus
CORPORA = {
    "the notebook's": "man ordered the chicken\nwoman ordered the beef",
    "three answers": "cat likes the fish\ndog likes the bone\nbird likes the seed",
    "five answers": "ann plays the flute\nbob plays the harp\ncarl plays the drum\ndora plays the lute\neve plays the horn",
    "default and exception": "man wore a hat\nwoman wore a coat\nchild wore a coat\nnurse wore a coat",
    "subjects at different positions": "man ordered the chicken\nlo woman ordered the beef\nthen a child ordered the rice",
    "sentences of different length": "he sings at dawn\nshe sings at dusk and rests\nwe all know they sings at noon",
    "repeated words": "the cat saw the fish\nthe dog saw the bone\nthe cow saw the hay",
    "two dependencies in a sentence": "ann ate jam then ann drank tea\nbob ate ham then bob drank milk",
    "both words decide": "red big so stop\nred small so go\nblue big so go\nblue small so stop",
    "one of four is different": "red big means yes\nred small means no\nblue big means no\nblue small means no",
    "both places in a sentence": "turn left or turn right\nnow turn right or turn back",
    "far away": "once the king of all the north drank wine\nonce the monk of all the north drank milk",
    "letters that come back": "x y z x y\ny z x y z\nz x y z x",
}
MODELS = {
    "1 layer, 1 head": hl.ModelConfig(),
    "1 layer, 4 heads": hl.ModelConfig(n_heads=4, factored_values=True),
    "2 layers, 2 heads": hl.ModelConfig(n_layers=2, n_heads=2, factored_values=True),
}
LOST = {
    "zero": "lost when zeroed",
    "mean": "lost with the mean",
    "resample": "lost when resampled",
    "mask": "lost when masked",
}
UNFLIPPED = "irrelevant, judged by flips alone"
CLAIMS = (NECESSARY, *LOST.values(), IRRELEVANT, UNFLIPPED)
Counts = Counter[tuple[str, str, str]]  # by edges, claim, and what is counted


def main() -> None:
    """Print the error rates of claims as a table, and how long explaining takes."""
    began = time.perf_counter()
    counts: Counts = Counter()
    for text in CORPORA.values():
        for name, model in MODELS.items():
            runs = hl.train(hl.Corpus.from_text(text), model, seeds=SEEDS, record="none")
            for layer in range(model.n_layers):
                which = name if model.n_layers == 1 else f"{name}: {'last' if layer else 'first'} layer"
                count(counts, runs.subject, layer, which)
    shown = table(counts)
    print(shown)
    if "--write" in sys.argv[1:]:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{shown}\n\n{END}{rest.partition(END)[2]}")
    print(f"\n{time.perf_counter() - began:.0f} s")
    timing(list(WORKS))


def count(counts: Counts, subject: Subject, layer: int, which: str) -> None:
    """Count the claims about one layer's edges, and how many of them ablation refutes.

    In the last layer, the edges into each place; in an earlier one, every edge up to it.
    """
    for some, choice in places(subject):
        last, place = layer == subject.model.n_layers - 1, choice.place.position
        queries = [place] if last else range(place + 1)
        edges = [
            Part("edge", layer, head, key, query)
            for head in range(subject.model.n_heads)
            for query in queries
            for key in range(query + 1)
        ]
        foretold, found = claims(some, choice, edges), ablate(some, choice, edges)
        claimed, measured = verdicts(foretold), verdicts(found)
        for word in (NECESSARY, IRRELEVANT):
            counts[which, word, "n"] += int((claimed == word).sum())
            counts[which, word, "wrong"] += int(((claimed == word) & (measured != word)).sum())
        counts[which, UNFLIPPED, "n"] += int((claimed == IRRELEVANT).sum())
        counts[which, UNFLIPPED, "wrong"] += int(((claimed == IRRELEVANT) & found.flips.any(axis=2)).sum())
        for kind, words in enumerate(LOST.values()):
            lost = is_lost(foretold)[:, :, kind]
            counts[which, words, "n"] += int(lost.sum())
            counts[which, words, "wrong"] += int((lost & ~is_lost(found)[:, :, kind]).sum())


def places(subject: Subject) -> Iterator[tuple[Subject, Choice]]:
    """Yield the models that make the same choice, and it, at the first places that an earlier token decides."""
    for item in dependencies(subject)[:MOST_PLACES]:
        for numbers, choice in each_choice(subject, item).groups():
            yield subject.some(numbers), choice


def is_lost(effects: Effects) -> np.ndarray:
    """Return [run, part, kind]: the target is the single most likely token before, and not after."""
    target = effects.choice.target

    def single(winners: np.ndarray) -> np.ndarray:
        return winners[..., target] & (winners.sum(axis=-1) == 1)

    return single(effects.before.winners) & effects.winners.any(axis=-1) & ~single(effects.winners)


def table(counts: Counts) -> str:
    """Return the error rates as a table, with 95 % Wilson intervals."""
    lines = ["| model, edges | claim | claims | wrong | error rate |", "|---|---|---|---|---|"]
    for which in dict.fromkeys(which for which, _, _ in counts):
        for number, claim in enumerate(CLAIMS):
            n, wrong = counts[which, claim, "n"], counts[which, claim, "wrong"]
            rate = wilson(wrong, n) if n else None
            shown = "" if rate is None else f"{percent(rate.share)} [{percent(rate.low)}, {percent(rate.high)}]"
            lines.append(f"| {'' if number else which} | {claim} | {n:,} | {wrong:,} | {shown} |")
    return "\n".join(lines)


def percent(share: float) -> str:
    """Return a share with the digits that an error rate needs."""
    return f"{100 * share:.{0 if share < 5e-7 else 1 if share >= 0.01 else 2}f} %"


if __name__ == "__main__":
    main()
