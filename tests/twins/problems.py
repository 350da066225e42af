"""What both are asked about: settings of the page, and which seeds of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

WHOLE = 100  # seeds of every problem but the notebook's


@dataclass(frozen=True)
class Problem:
    """Settings as the page has them, under a name.

    fields: those that are not the notebook's; sample: the seeds of the committed sample; whole: how many are tried for long
    """

    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    sample: Sequence[int] = (0, 1)
    whole: int = WHOLE


def _text(*lines: str, start: str = "<Start>", wrap: bool = True, **fields: Any) -> dict[str, Any]:
    return {"text": "\n".join(lines), "start": start, "wrap": wrap, **fields}


DISHES = ("man ordered the chicken", "woman ordered the beef", "child ordered the fish")
QUICK = {"optimizer": "adam", "learning_rate": 0.03, "steps": 400}

PROBLEMS = (
    Problem("notebook", sample=(1, 2, 3, 11, 16), whole=1000),
    Problem("d_head 160", {"d_head": 160}, (1, 2)),
    Problem("three heads", {"n_heads": 3, "d_head": 4}, (0, 2)),
    Problem("two layers", {"n_layers": 2, "n_heads": 2, "d_head": 5}, (0, 3)),
    Problem("three layers, no residual", {"n_layers": 3, "residual": False, "d_head": 7, **QUICK}, (0, 20, 50)),
    Problem("W_U, factored values", {"unembed": True, "d_model": 5, "factored_values": True, "n_heads": 2, **QUICK}),
    Problem("not causal", _text(*DISHES, causal=False, n_layers=2, **QUICK)),
    Problem("no positions", _text(*DISHES, positions=False, **QUICK)),
    Problem("three-way", _text(*DISHES, steps=3000), (0, 1, 2)),
    Problem(
        "several dependencies",
        _text("anna saw the cat and the dog", "ben saw the fox and the cow", "anna fed the cow and the fox", **QUICK),
        (0, 6, 18),
    ),
    Problem(
        "several other places",
        _text("a b x c", "d b x e", "f b x e", "g b x e", **QUICK),
        (0, 1, 4),
    ),
    Problem(
        "different positions",
        _text("man ordered the chicken", "the nice old woman ordered the beef", "so child ordered the fish", **QUICK),
    ),
    Problem("one sentence", _text("the cat saw the dog and the cat ran", start="", wrap=False, n_layers=2, **QUICK)),
    Problem("two words", _text("a b a c", "a c a b", start="", **QUICK)),
    Problem("nothing to explain", _text("a b c d", "e f g h", steps=50), (0,), 4),
    Problem("diverged", {"optimizer": "sgd", "learning_rate": 1e4, "momentum": 0.9}, (0, 1), 20),
    Problem("untrained", {"steps": 1}, (0, 1), 20),
    Problem("few steps", {"steps": 600, "n_heads": 2}, (0, 5)),
    Problem("all alike", {"steps": 300, "init_scale": 0.0, "n_heads": 2, "n_layers": 2}, (0,), 4),
    Problem("other loss", {"loss": "normalized_sigmoid", "optimizer": "rmsprop", "steps": 500}, (0, 1)),
    Problem("forked", {"fork": 300, "before": '{"learning_rate": 0.02}', "learning_rate": 0.1, "steps": 900}, (0, 1)),
    Problem("letters", _text("“a” & <b> said 中 x\u0301", "‘c’ & <d> said ß é", start="<S>", **QUICK), (0, 1)),
)
