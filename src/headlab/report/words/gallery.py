"""What is said of a task's numbers: the one that is known, the one that came out here, and whether it holds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headlab.notation.numbers import percent, quantity
from headlab.notation.values import listing

if TYPE_CHECKING:
    from headlab.config import TrainConfig
    from headlab.data.corpus import Corpus
    from headlab.data.dataset import Dataset
    from headlab.tasks.gallery import Gallery
    from headlab.tasks.reference import Reference
    from headlab.tasks.task import Recipe

DIGITS, MOST_DIGITS = 4, 8
OVER = {"best": "best of", "each": "worst of", "median": "median of", "mean": "mean of", "share": "share of"}
PARAMETRIC = {
    "success_share": "success (share right ≥ {})",
    "plateau": "plateau near {}",
    "training_loss": "loss, last {} steps",
}  # metrics with a number
MOST_STAGES = 4  # of a training, that are all told
MOST_SEEDS = 64  # whose values are written out


def number_text(value: float | None) -> str:
    """Return a metric's value with four decimals, and with up to seven where these would make it whole and it is not.

    >>> number_text(0.99921), number_text(1.0), number_text(0.99998), number_text(1 - 1e-12), number_text(None)
    ('0.9992', '1', '0.99998', '1', 'no number')
    """
    if value is None:
        return "no number"
    whole = value == round(value)
    digits = 0 if whole else next((n for n in range(DIGITS, MOST_DIGITS) if round(value, n) != round(value)), 0)
    return f"{value:z.{digits}f}".replace("-", "−")


def metric_words(metric: str) -> str:
    """Return a metric's name in words.

    >>> metric_words("token_accuracy"), metric_words("success_share(0.99)"), metric_words("training_loss(100)")
    ('token accuracy', 'success (share right ≥ 0.99)', 'loss, last 100 steps')
    """
    name, _, given = metric.rstrip(")").partition("(")
    return PARAMETRIC.get(name, name.replace("_", " ")).format(given)


def over_words(result: Mapping[str, Any]) -> str:
    """Return what of the seeds a number is: `median of 8 seeds`; result: as `Measured.to_dict` has it."""
    return f"{OVER[result['over']]} {quantity(len(result['values']), 'seed')}"


def runs_words(found: Mapping[str, Any]) -> str:
    """Return how many runs there were: of seeds, or the one from weights set by hand; found: as `Reproduction.to_dict` has it.

    >>> runs_words({"seeds": [0, 1], "values": [0.5, 1.0]}), runs_words({"seeds": [], "values": [1.0]})
    ('2 seeds', '1 run from weights set by hand')
    """
    return quantity(len(found["seeds"]), "seed") if found["seeds"] else "1 run from weights set by hand"


def here_words(result: Mapping[str, Any]) -> str:
    """Return the number that came out here; of a share, how many seeds.

    >>> here_words({"over": "share", "value": 0.25, "values": [1, 0, 0, 0]}), here_words({"over": "best", "value": 0.5})
    ('1 of 4', '0.5000')
    """
    if result["over"] == "share" and result["value"] is not None:
        return f"{round(result['value'] * len(result['values']))} of {len(result['values'])}"
    return number_text(result["value"])


def interval_words(result: Mapping[str, Any]) -> str:
    """Return the 95 % interval of a number; nothing where there is none.

    >>> interval_words({"over": "share", "low": 0.1, "high": 0.44}), interval_words({"over": "best", "low": None})
    ('10 % to 44 %', '')
    """
    if result["low"] is None:
        return ""
    write = percent if result["over"] == "share" else number_text
    return f"{write(result['low'])} to {write(result['high'])}"


def known_words(result: Mapping[str, Any], *, short: bool = False) -> str:
    """Return the number that is known, with its tolerance, or nothing.

    short: in signs alone, and with the word where nobody published or counted it

    >>> known_words({"target": 0.9992, "tolerance": 0.0015, "at_most": None})
    '0.9992 ± 0.0015'
    >>> known_words({"target": 0.5106, "tolerance": 0.025, "at_most": True}), known_words({"target": None})
    ('at most 0.5106 + 0.0250', '')
    >>> known_words({"target": 0.998, "tolerance": 0.0, "at_most": False, "kind": "measured"}, short=True)
    '≥ 0.9980, measured'
    """
    if result["target"] is None:
        return ""
    sign, before, mark = {None: ("±", "", ""), True: ("+", "at most ", "≤ "), False: ("−", "at least ", "≥ ")}[
        result["at_most"]
    ]
    slack = f" {sign} {number_text(result['tolerance'])}" if result["tolerance"] else ""
    kind = ", measured" if short and result["kind"] == "measured" else ""
    return f"{mark if short else before}{number_text(result['target'])}{slack}{kind}"


def here_sentence(result: Mapping[str, Any]) -> str:
    """Return the number that came out here, as a sentence: what of how many seeds, with its interval.

    >>> here = {"metric": "token_accuracy", "over": "best", "value": 1.0, "low": None, "high": None, "values": [1.0, 0.5]}
    >>> here_sentence(here | {"reached": {"runs": 1, "of": 2, "low": 0.09, "high": 0.91}})
    'token accuracy: 1, the best of 2 seeds. 1 of 2 seeds reaches what is known.'
    """
    interval = f" (95 %: {words})" if (words := interval_words(result)) else ""
    here = f"{metric_words(result['metric'])}: {here_words(result)}, the {over_words(result)}{interval}."
    return f"{here}{reached_words(result)}"


def known_sentence(result: Mapping[str, Any]) -> str:
    """Return the number that is known, as a sentence: of which kind, where it stands, and what else is to be said of it.

    >>> known = {"target": 0.99, "tolerance": 0.0, "at_most": False, "kind": "exact", "source": "counted", "note": ""}
    >>> known_sentence(known | {"badge": "too few seeds", "needs": 8})
    'exact: at least 0.9900 (counted); too few seeds, it takes 8.'
    """
    need = f"; {result['badge']}, it takes {result['needs']}" if result["badge"] == "too few seeds" else ""
    end = "" if result["note"].endswith((".", "")) else "."
    note = f" {result['note'][:1].upper()}{result['note'][1:]}{end}" if result["note"] else ""
    return f"{result['kind']}: {known_words(result)} ({result['source']}){need}.{note}"


def reached_words(result: Mapping[str, Any]) -> str:
    """Return how many seeds reach a number by themselves, as a sentence after another; nothing of one seed."""
    reached = result["reached"]
    if reached is None or reached["of"] < 2:
        return ""
    verb = "reaches" if reached["runs"] == 1 else "reach"
    return f" {reached['runs']} of {reached['of']} seeds {verb} what is known."


def seeds_words(result: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """Return every seed's value in a line."""
    pairs = zip(seeds, result["values"], strict=True)
    return listing((f"{seed}: {number_text(value)}" for seed, value in pairs), "  ", MOST_SEEDS)


def when_words(gallery: "Gallery") -> str:
    """Return when and where the gallery's results came about.

    >>> from headlab.tasks.gallery import Gallery
    >>> when_words(Gallery()), when_words(Gallery("2026-11-27", "2 cores", "0.1.0"))
    ('the gallery was not run yet', 'as run on 2026-11-27 by headlab 0.1.0 on 2 cores')
    """
    if not gallery.date:
        return "the gallery was not run yet"
    return f"as run on {gallery.date} by headlab {gallery.headlab} on {gallery.machine}"


def recipe_words(recipe: "Recipe", dataset: "Dataset") -> str:
    """Return a recipe in a line: layers, heads, parameters, training."""
    model = recipe.model
    layers, heads = quantity(model.n_layers, "layer"), quantity(model.n_heads, "head")
    numbers = quantity(model.on(dataset).n_weights, "parameter")
    trained = training_words(recipe.training) if recipe.weights is None else "weights set by hand, nothing is trained"
    return f"{layers}, {heads} of {model.d_head}, {numbers}; {trained}"


def training_words(training: "TrainConfig") -> str:
    """Return a training in words; of many stages the first and the last one.

    >>> from headlab.tasks import tasks
    >>> training_words(tasks["max4"].training)
    '3,000 steps of adamw at learning rate 0.001 with epsilon 1e-08, weight decay 0.01 and batch size 128'
    >>> training_words(tasks["tsar"].training).partition(":")[0]
    '1,600 steps in 25 stages'
    """
    words = training.in_words()
    stages = words.split(", then ")
    if len(stages) <= MOST_STAGES:
        return words
    count = f"{quantity(training.steps, 'step')} in {len(stages)} stages"
    return f"{count}: {stages[0]}, then {len(stages) - 2} others, and at last {stages[-1]}"


def reference_sentence(reference: "Reference") -> str:
    """Return what is known of a recipe that was not run."""
    known = {name: getattr(reference, name) for name in ("tolerance", "at_most", "kind", "source", "note")}
    said = known_sentence({**known, "target": reference.value, "badge": "", "needs": reference.seeds})
    where = f"recipe {reference.recipe}, the {OVER[reference.over]} {quantity(reference.seeds, 'seed')}"
    return f"{metric_words(reference.metric)}, {where}; {said}"


def paragraphs(text: str) -> list[str]:
    r"""Return a task's text without the line breaks that its file has within paragraphs.

    >>> paragraphs("one\ntwo\n\nthree\n")
    ['one two', 'three']
    """
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def answer_words(corpus: "Corpus", number: int, most: int) -> str:
    """Return what an example is to be answered with: after which token what comes, place by place, the first ones.

    >>> from headlab.data.corpus import Corpus
    >>> answer_words(Corpus.from_text("a b", wrap=False), 0, 9)
    '<Start> → a, a → b'
    """
    asked = [(at, int(target)) for at, target in enumerate(corpus.targets[number]) if target >= 0]
    words = corpus.sentences[number]
    return listing((f"{words[at]} → {corpus.output_names[target]}" for at, target in asked), ", ", most)
