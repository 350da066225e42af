"""What is asked of a page, and what Python makes of it: hostile and ordinary texts, settings and links.

tests/data/asked.jsonl.gz holds it, written by `python tests/asked.py`; tests/test_link.py says when it must be written anew, and
web/tests/asked.test.ts that the page says the same.
"""

import gzip
import json
import random
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import hostile
from twins.plain import plain

import headlab as hl
from headlab.config import Field, ModelConfig, TrainConfig
from headlab.config.fields import CHOICE, FLAG, WHOLE
from headlab.data.alignment import alignments, differing, nearest
from headlab.engine import golden
from headlab.engine.recipe import settings_at
from headlab.errors import HeadlabError
from headlab.notation.javascript import read_number
from headlab.runs import link
from headlab.runs.experiment import FORK_FIELDS, MODEL_FIELDS, Experiment

FILE = Path(__file__).parent / "data" / "asked.jsonl.gz"
OF_A_DEPENDENCY = (
    *("sequence", "position", "token", "target", "following", "alternatives"),
    *("settled_by", "settled_token", "resolvable", "is_answer"),
)
MOST_PLACES, MOST_LETTERS = 6, 3000  # that are aligned with one another; of a hostile text
SHORT = {"steps": 2}

TEXTS = [
    "a b",
    "man ordered the chicken\nwoman ordered the beef\nchild ordered the fish",
    "anna saw the cat and the dog\nben saw the fox and the cow\nanna fed the cow and the fox",
    "the cat saw the dog and the cat ran",
    "a b a c\na c a b",
    "a b x c\nd b x e\nf b x e",
    "man ordered the chicken\nthe nice old woman ordered the beef\nso child ordered the fish",
    "one\ntwo three\n\n four\r\nfive\rsix seven\n",
    "a a a a\na a b\nb a a",
    "x y z w v\nv w z y x\nx x y y z",
    "The cat\nthe dog.\na dog\n“dog” Dog!\nDOG\n",
    "Zoe\u0301 läuft\nZoé läuft\nﬁn fin\n１２ 12\nＡ a",
    "na\u00adive naive nai\u200bve\nmann\u200d man\nnau\u200cx",
    "👩\u200d🌾 👩 🌾\n🏴\U000e0067\U000e0062\U000e007f 🏴",
    "می\u200cخواهم کتاب\nमैं क्षत्रिय\nไทย ภาษา",
    "ΑΣ ας ασ ΣΑ\nİ i\u0307 ı I",
    "a\u0344b a\u0308\u0301b\nx\u0334\u0301 x\u0301\u0334",
    "（a） a [a] {a «a» ‹a› „a“ a… a! ¿a",
    "\x1c a\x1fb \x85c\u2028d \u3000e\xa0f\u200bg",
]
MODELS = [{}, {"causal": False}, {"positions": False}, {"n_layers": 2, "causal": False, "positions": False}]
MORE_MODELS = [
    {"n_layers": 3, "n_heads": 2},
    {"unembed": True, "d_model": 3},
    {"factored_values": True, "residual": False},
]

LINKS = [
    "",
    "#",
    "#d_head=5&seed=12&moment=20",
    "#hide=why,seeds&d_head=1",
    "#hide=knobs&text=the+cat+sat%0Athe+dog+ran",
    "#steps=300&schedule=plateau",
    "#steps=300",
    "#schedule=constant",
    "#fork=300&before=%7B%22learning_rate%22%3A0.02%7D&learning_rate=0.1",
    "#fork=300&before=&optimizer=adam&learning_rate=0.01&steps=400",
    "#optimizer=rmsprop&rho=0.5&centered=true&momentum=0.3&steps=60",
    "#optimizer=adamw&weight_decay=0.1&learning_rate=0.003&steps=50",
    "#seed=9007199254740993&d_head=3&steps=50",
    "#seed=18446744073709551615&steps=9",
    "#seed=18446744073709551616",
    "#seed=007",
    "#seed=1e3&numerics=2",
    "#seed=5&numerics=1",
    "#seed=-1",
    "#seed=0.5&seed=3",
    "#seed=",
    "#seed=%20",
    "#seed=99999999999999999999999",
    "#text=a+b+%26+c%3Dd+%23%0A%25+%2B+%22%E6%97%A5%E6%9C%AC%22+%3Cb%3E~*&steps=5",
    "#text=a%20b&start=&wrap=false",
    "#text=a&start=&wrap=false",
    "#text=a+b&start=a",
    "#text=a+b&start=a+b",
    "#text=%ff%fe+x%zz%&steps=1",
    "#text=%00+a+b&start=%E2%80%8B",
    "#task=",
    "#task=notebok",
    "#task=notebok",
    "#task=note&text=a+b+c&steps=3",
    "#d_model=9&unembed=true&steps=9",
    "#d_model=9",
    "#d_model=",
    "#d_head=&n_heads=0&learning_rate=&momentum=&init_scale=-1&rho=2",
    "#d_head=1e400&n_heads=0x2&n_layers=+1&learning_rate=.5e-1&steps=0b101",
    "#d_head=65537&n_heads=1.5&steps=1000000001",
    "#d_head=1e21&n_heads=100000000000000000000&learning_rate=1e-5&init_scale=1e400",
    "#momentum=1e-7&learning_rate=0.00001&epsilon=1e21&steps=30",
    "#momentum=0.9&nesterov=true&steps=30",
    "#nesterov=true&momentum=0&steps=30",
    "#loss=hinge&optimizer=lbfgs&schedule=cosine",
    "#optimizer=lbfgs&rho=3",
    "#steps=0",
    "#steps=20&schedule=plateau",
    "#steps=21&schedule=plateau",
    "#fork=0&steps=100",
    "#fork=100&steps=100",
    "#fork=1.5",
    "#fork=5020",
    "#fork=5&before=5",
    "#fork=5&before=%5B%22steps%22%5D",
    "#fork=5&before=%5B%5D",
    "#fork=5&before=%22ab%22",
    "#fork=5&before=null",
    "#fork=5&before=%7B%22d_head%22%3A3%2C%22x%22%3A%5B1%2C2.5%5D%7D",
    "#fork=5&before=%7B%22steps%22%3A0%7D",
    "#fork=5&before=%7B%22steps%22%3A3%7D",
    "#fork=5&before=%7B%22momentum%22%3A2%2C%22learning_rate%22%3Anull%7D",
    "#fork=5&before=%7B%22steps%22%3ANaN%7D",
    "#fork=40&before=%7B%22momentum%22%3A0.9%2C%22nesterov%22%3Atrue%2C%22steps%22%3A90.0%7D&steps=90&optimizer=adam",
    "#fork=4000&momentum=0.5&before=%7B%7D",
    "#fork=2000&optimizer=rmsprop&learning_rate=0.01&before=%7B%22optimizer%22%3A%22rmsprop%22%2C%22rho%22%3A0.5%7D",
    "#__proto__=5&constructor=x&toString=y&&&=&%",
    "#token=abc&layer=1e400&query=x&d_head=2&steps=4&wrap=&positions=TRUE",
    "file:///home/x/headlab.html#d_head=7&steps=40&numerics=2&seed=3",
    "headlab.html",
]
FIELDS: list[dict[str, Any]] = [
    {"d_head": 0, "learning_rate": -1, "text": "", "seed": -1, "n_headz": 2},
    {"d_head": "20", "n_heads": True, "causal": 1, "optimizer": 3, "momentum": "x", "loss": None},
    {"seed": 2**53},
    {"seed": 1.5},
    {"seed": "many"},
    {"seed": None},
    {"text": 5},
    {"start": None},
    {"wrap": "true"},
    {"task": 3},
    {"task": None},
    {"text": "x" * 300 + " y " + "'\"\\" + " é\u0301\x01\u200b", "steps": 1},
    {"fork": "3", "steps": 200},
    {"fork": True, "steps": 200},
    {"fork": 5, "before": 5},
    {"fork": 5, "before": None, "steps": 9},
    {"fork": 5, "before": "[" * 5000},
    {"text": "a " * 1025},
    {"text": "a\n" * 10_001},
    {"text": "<Start> x\ny z"},
    {"text": "\n\nx <Start>"},
    {"learning_rate": 1e-300, "steps": 3},
    {"learning_rate": 1e4, "momentum": 0.9, "steps": 500},
    {"init_scale": 0, "steps": 40},
    {"unembed": True, "factored_values": True, "d_model": 4, "n_heads": 2, "n_layers": 2, "steps": 60},
    {"loss": "normalized_sigmoid", "optimizer": "adam", "learning_rate": 0.01, "steps": 80, "d_head": 160},
    {"schedule": "plateau", "steps": 3000, "learning_rate": 0.5, "seed": 3},
]


def cases() -> Iterator[dict[str, Any]]:
    """Yield what is asked: a link, or fields."""
    yield from ({"link": text} for text in LINKS)
    yield from ({"fields": fields} for fields in FIELDS)
    for text in TEXTS:
        for model in MODELS:
            yield {"fields": {"text": text, **model, **SHORT}}
        yield {"fields": {"text": text, "start": "", "wrap": False, **SHORT}}
    for model in MORE_MODELS:
        yield {"fields": {"text": TEXTS[2], **model, "steps": 40}}
    for text in [*(text[:MOST_LETTERS] for text in hostile.HOSTILE), *hostile.HALVES]:
        yield {"fields": {"text": text, "start": "", **SHORT}}
        yield {"fields": {"text": "a b\nc b", "start": text, **SHORT}}
        yield {"fields": dict.fromkeys(("task", "optimizer", "before"), text)}


NUMBERS = [
    -1,
    0,
    1,
    2,
    3,
    0.5,
    1e-7,
    0.1,
    0.9,
    0.999,
    1.0,
    5e-324,
    1e5,
    1e21,
    1e300,
    "",
    "x",
    " 7 ",
    "0x1f",
    "1e3",
    "٣",
    "+.5e1",
    "1_0",
]
STEPS = [-1, 0, 1, 20, 21, 25, 40, 60, 0.5, ""]
USUAL = {"task": ["", "notebook"], "wrap": ["true", "false"], "start": ["<Start>", "", "^", "\u00a0x"]}
MOST_DRAWN = 12  # letters of a word


def drawn(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield links with texts and settings that are drawn."""
    draw = random.Random(seed)
    for _ in range(count):
        rows = [row for row in (*ModelConfig.table(), *TrainConfig.table()) if row.name in FORK_FIELDS + MODEL_FIELDS]
        settings = {row.name: _value(draw, row) for row in draw.sample(rows, draw.choice([0, 1, 1, 2, 3, 6]))}
        if draw.random() < 0.3:
            before = {row.name: _value(draw, row) for row in draw.sample(rows[len(ModelConfig.table()) :], 2)}
            plain_before = {name: read_number(str(value)) or value for name, value in before.items()}
            settings |= {"fork": draw.choice([5, 5, 30, 99]), "before": json.dumps(plain_before)}
        settings |= {name: draw.choice(values) for name, values in USUAL.items() if draw.random() < 0.2}
        fields = {"seed": draw.choice([3, 2**53 + 1, draw.getrandbits(64)]), "steps": draw.choice(STEPS), **settings}
        yield {"link": "#" + urlencode({**fields, "text": _text(draw)} if draw.random() < 0.8 else fields)}


def _value(draw: random.Random, row: Field) -> Any:
    if row.name == "steps" or draw.random() < 0.15:
        return draw.choice(STEPS if row.name == "steps" else NUMBERS)
    if row.kind == FLAG:
        return draw.choice(["true", "false"])
    if row.kind == CHOICE:
        return draw.choice(row.choices)
    low, high = max(row.low, 0), min(row.high, 4)
    return draw.randint(int(low), int(high)) if row.kind == WHOLE else draw.uniform(low, high)


def _text(draw: random.Random) -> str:
    """Return lines of words, some of which look like others."""
    words = [_word(draw) for _ in range(draw.randint(1, 6))]
    words += [_like(draw, draw.choice(words)) for _ in range(draw.randint(0, 4))]
    lines = [draw.choices(words, k=draw.randint(0, 6)) for _ in range(draw.randint(1, 5))]
    spaces = [" ", " ", " ", "  ", "\t", "\x1f", "\x85", "\u2003", "\u2028", "\u200b", "\v"]
    return draw.choice(["\n", "\r\n", "\r"]).join(draw.choice(spaces).join(line) for line in lines)


def _word(draw: random.Random) -> str:
    if draw.random() < 0.5:
        return "".join(draw.choices("abc", k=draw.randint(1, 2)))
    letters = [chr(draw.randrange(draw.choice([0x250, 0x3000, 0x10000, 0x110000]))) for _ in range(draw.randint(1, 5))]
    return "".join(letter for letter in letters if unicodedata.category(letter) not in ("Cn", "Cs")) or "x"


def _like(draw: random.Random, word: str) -> str:
    forms = [lambda form=form: unicodedata.normalize(form, word) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    more = [f"{word}.", f"({word})", f"{word}\u0301", f"{word[:1]}\u200d{word[1:]}", f"{word}\ufe0f", f"\u00ad{word}"]
    return draw.choice([word.upper, word.lower, word.title, *forms, lambda: draw.choice(more)])()


def said_of(case: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of a case: what a link holds, and what is wrong or what is trained."""
    fields, said = case.get("fields", {}), {}
    if "link" in case:
        fields = link.read(case["link"])
        said = {"fields": _seed_as_text(fields), "written": link.write(fields), "other": link.other_runs(case["link"])}
    try:
        experiment = Experiment.of(fields)
    except HeadlabError as error:
        return {**said, "problems": [[problem.text, problem.field, problem.line] for problem in error.problems]}
    return {**said, **_corpus(experiment), **_training(experiment)}


def _seed_as_text(fields: dict[str, Any]) -> dict[str, Any]:
    seed = fields["seed"]
    return {**fields, "seed": str(seed) if isinstance(seed, int) and seed >= 2**53 else seed}


def _corpus(experiment: Experiment) -> dict[str, Any]:
    corpus, model = experiment.dataset.corpus, experiment.model
    dependencies = corpus.dependencies(model)
    return {
        "corpus": corpus.to_dict(),
        "order": corpus.batch.order.tolist(),
        "floors": [corpus.floor(), corpus.floor(model), corpus.bigram_floor()],
        "resolvable": corpus.resolvable(model).tolist(),
        "dependencies": [[getattr(item, name) for name in OF_A_DEPENDENCY] for item in dependencies],
        "notes": list(corpus.notes()),
        "words": [corpus.position_words(0), corpus.position_labels(0), corpus.sentence(0)],
        "bigrams": [corpus.bigram_probability(item.token, item.target) for item in dependencies],
        "aligned": list(_aligned(corpus, [(item.sequence, item.position) for item in dependencies], model.causal)),
    }


def _aligned(corpus: hl.Corpus, places: list[tuple[int, int]], causal: bool) -> Iterator[list[Any]]:
    some = places[:MOST_PLACES]
    for place in some:
        others = [other for other in some if other != place]
        if others:
            yield [
                [list(found) for found in nearest(corpus.tokens, place, others, causal)],
                differing(corpus.tokens, place, others, causal).tolist(),
            ]
        for other in others[:2]:
            ways = alignments(corpus.tokens, place, other, causal)
            yield [[[list(pair) for pair in way.pairs], list(way.unpaired_a), list(way.unpaired_b)] for way in ways]


def _training(experiment: Experiment) -> dict[str, Any]:
    corpus, model, training = experiment.dataset.corpus, experiment.model, experiment.training
    runs = _trained(json.dumps(corpus.to_dict()), model, training, experiment.seed)
    return {
        "trained": training.in_words(),
        "training": training.to_dict(),
        "phases": [_phase(training, number) for number in range(len(training.phases))],
        "loss": runs.final_loss.tolist(),
        "sha256": golden.sha256(runs.params.flat(), corpus.batch.order, model.on(corpus)),
    }


@cache
def _trained(corpus: str, model: hl.ModelConfig, training: TrainConfig, seed: int) -> hl.Runs:
    return hl.train(hl.Corpus.from_dict(json.loads(corpus)), model, training, seeds=seed, record="none", threads=1)


def _phase(training: TrainConfig, number: int) -> dict[str, Any]:
    force, phase = settings_at(training, number).to_dict(), training.phases[number]
    del force["phases"], force["dtype"]
    own = phase.replace(changes={}).to_dict()
    sets_rate = number == 0 or "learning_rate" in phase.changes
    return {**force, "plateau_goes_on": False, **own, "sets_rate": sets_rate}


def lines(asked: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what is asked, with what is said of it."""
    return (plain({**case, "said": said_of(case)}) for case in asked)


def write(asked: Iterable[dict[str, Any]], path: Path) -> None:
    """Write what is asked and what is said of it, into a file that is the same whenever it is written."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as file:
        for line in lines(asked):
            file.write(
                json.dumps(line, separators=(",", ":")).encode() + b"\n"
            )  # in ASCII: halves of characters are among it


if __name__ == "__main__":
    write(cases(), FILE)
