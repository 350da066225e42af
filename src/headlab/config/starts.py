"""How weights begin: rules by name, given as text like `*=normal 0.02, W_O=normal 0.01`, and what they come to in a shape."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from headlab.config.record import nearest
from headlab.config.weights import EMBEDDING, GLOROT, NAMES, ONES, WEIGHTS, ZEROS, Weight, has
from headlab.errors import Problem
from headlab.notation.values import short_repr

if TYPE_CHECKING:
    from headlab.config.model import ModelConfig, Shape

EVERY = "*"  # of a rule: every weight that is called W_
UNIFORM, NORMAL, CONSTANT, SINUSOIDAL = "uniform", "normal", "constant", "sinusoidal"  # what the kernel draws
LINEAR, TRANSFORMER_LENS = "linear", "transformer_lens"
SIZED = (UNIFORM, NORMAL, CONSTANT)  # with a number: the bound, the standard deviation, the value
UNSIZED = (EMBEDDING, GLOROT, LINEAR, TRANSFORMER_LENS)
EMBEDDING_LIMIT, TRANSFORMER_LENS_SPREAD = 0.05, 0.8
FIELD = "init"
HOW = "write it as W_E=normal 0.5"

Draw = tuple[str, float]  # uniform within ±size, normal with this standard deviation, constant, sinusoidal times size


def read(given: Any) -> tuple[str, list[Problem]]:
    """Return rules as one text in the order of the table of weights, and what is wrong with them.

    given: text, a mapping of names to rules, or a list of texts; a name is a weight's, or * for every W_

    >>> read({"W_O": "normal 0.010", "*": "normal 0.02"})
    ('*=normal 0.02, W_O=normal 0.01', [])
    >>> [str(problem) for problem in read("W_E=nomal 1")[1]]
    ["init must be W_E by a rule, got 'nomal 1': did you mean normal?"]
    """
    pairs, problems = _pairs(given)
    found: dict[str, str] = {}
    for name, text in pairs:
        if name not in (EVERY, *NAMES):
            said = f"init must be names of weights, or *, got {short_repr(name)}: {nearest(name, (EVERY, *NAMES))}"
            problems.append(Problem(said, FIELD))
        elif name in found:
            problems.append(Problem(f"init must say {name} once, got it again: leave one out", FIELD))
        else:
            rule, wrong = _rule(name, text)
            found[name] = rule
            problems += wrong
    return ", ".join(f"{name}={found[name]}" for name in (EVERY, *NAMES) if name in found), problems


def _pairs(given: Any) -> tuple[list[tuple[str, str]], list[Problem]]:
    if isinstance(given, Mapping):
        items: list[Any] = list(given.items())
    else:
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            return [], [
                Problem(f"init must be names of weights and their rules, got {short_repr(given)}: {HOW}", FIELD)
            ]
        some = [part.strip() for text in texts for part in text.split(",") if part.strip()]
        items = [tuple(part.split("=", 1)) if "=" in part else (part,) for part in some]
    wrong = [item for item in items if len(item) != 2 or not all(isinstance(part, str) for part in item)]
    said = "init must be names of weights and their rules"
    problems = [
        Problem(f"{said}, got {short_repr(item[0] if len(item) == 1 else item)}: {HOW}", FIELD) for item in wrong
    ]
    return [(name.strip(), rule.strip()) for name, rule in (item for item in items if item not in wrong)], problems


def _rule(name: str, text: str) -> tuple[str, list[Problem]]:
    """Return a rule as it is written, and what is wrong with it."""
    word, *rest = text.split() or [""]
    said = f"init must be {name} by a rule, got {short_repr(text)}"
    if word not in (*SIZED, *UNSIZED):
        return text, [Problem(f"{said}: {nearest(word, (*SIZED, *UNSIZED))}", FIELD)]
    if word in UNSIZED:
        return word, [Problem(f"{said}: {word} takes no number", FIELD)] if rest else []
    try:
        (size,) = map(float, rest)
    except ValueError:
        return text, [Problem(f"{said}: {word} takes one number, as in {word} 0.02", FIELD)]
    if not math.isfinite(size) or (size < 0 and word != CONSTANT):
        return text, [
            Problem(f"{said}: {word} takes a finite number{'' if word == CONSTANT else ' of at least 0'}", FIELD)
        ]
    return f"{word} {repr(size + 0.0).removesuffix('.0')}", []


def problems_on(model: "ModelConfig") -> Iterator[Problem]:
    """Yield which rules are of weights that a model has not, or of those that cannot begin so.

    >>> from headlab.config import ModelConfig
    >>> from headlab.errors import ConfigError
    >>> try:
    ...     ModelConfig(init={"W_U": "normal 1", "W_E": "linear"})
    ... except ConfigError as error:
    ...     print(error)
    init must be linear where numbers are summed up, got W_E: give it another rule
    init must be of weights that the model has, got W_U: leave it out
    """
    rules = _rules_of(model)
    for row in WEIGHTS:
        word = _rule_of(row, model, rules).split()[0]
        if row.name in rules and not has(row, model):
            yield Problem(f"init must be of weights that the model has, got {row.name}: leave it out", FIELD)
        elif row.name in rules and row.name in model.frozen:
            yield Problem(
                f"init must leave {row.name} to sinusoidal_positions, got {word}: leave one of them out", FIELD
            )
        elif has(row, model) and word in FIT and not FIT[word](row):
            where = "numbers are summed up" if word == LINEAR else "a weight is a W_"
            yield Problem(f"init must be {word} where {where}, got {row.name}: give it another rule", FIELD)


# Which weights a rule can be of.
FIT: Mapping[str, Callable[[Weight], bool]] = {
    LINEAR: lambda row: bool(row.fan_in),
    GLOROT: lambda row: row.name.startswith("W_"),
    TRANSFORMER_LENS: lambda row: row.name.startswith("W_"),
}


def draws_of(shape: "Shape") -> dict[str, Draw]:
    """Return how each weight of a shape begins.

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> draws = draws_of(ModelConfig(init={"*": "normal 0.5", "W_K": "linear"}).on(Corpus.notebook()))
    >>> draws["W_Q"], draws["W_K"][0], round(draws["W_K"][1], 4)
    (('normal', 0.5), 'uniform', 0.378)
    """
    rules = _rules_of(shape.model)
    rows = [row for row in WEIGHTS if row.name in shape.weights]
    return {row.name: _draw(_rule_of(row, shape.model, rules), row, shape) for row in rows}


def _rules_of(model: "ModelConfig") -> dict[str, str]:
    return dict(_pairs(model.init)[0])


def _rule_of(row: Weight, model: "ModelConfig", rules: Mapping[str, str]) -> str:
    if row.name in model.frozen:
        return SINUSOIDAL
    every = rules.get(EVERY) if row.name.startswith("W_") else None
    return rules.get(row.name) or every or row.start


def _draw(rule: str, row: Weight, shape: "Shape") -> Draw:
    word, *size = rule.split()
    if word == EMBEDDING:
        return UNIFORM, EMBEDDING_LIMIT
    if word == GLOROT:
        *_, fan_in, fan_out = shape.weights[row.name]
        return UNIFORM, math.sqrt(6.0 / (fan_in + fan_out))
    if word == LINEAR:
        return UNIFORM, 1.0 / math.sqrt(math.prod(getattr(shape, axis) for axis in row.fan_in))
    if word == TRANSFORMER_LENS:
        return NORMAL, TRANSFORMER_LENS_SPREAD / math.sqrt(shape.d_model)
    if word in (ZEROS, ONES):
        return CONSTANT, float(word == ONES)
    return word, float(size[0]) if size else 1.0
