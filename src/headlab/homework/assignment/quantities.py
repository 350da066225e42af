"""What an answer can be measured by: the table of quantities, and one of them with its parameters, checked against a corpus."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headlab.analysis.subject import is_index
from headlab.config import ModelConfig
from headlab.config.record import nearest, no_field
from headlab.data.corpus import Corpus
from headlab.errors import ConfigError, Problem, SelectionError
from headlab.notation.values import listing, short_repr

TABLE: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
QUANTITIES: dict[str, dict[str, Any]] = TABLE["quantities"]
PARAMETERS: dict[str, dict[str, Any]] = TABLE["parameters"]
NUMBER, OPTION, TOKEN, POSITION, HEAD = "number", "option", "token", "position", "head"  # what an answer is


@dataclass(frozen=True)
class Quantity:
    """A quantity with its parameters, every default filled in.

    >>> Quantity.of({"name": "looks_most", "word": "the"}).parameters
    {'sentence': 1, 'word': 'the', 'layer': None, 'head': 0}
    """

    name: str
    parameters: Mapping[str, Any]

    @classmethod
    def of(cls, given: Any) -> "Quantity":
        """Build it from the fields of an assignment; raises `ConfigError` with all problems."""
        if not isinstance(given, Mapping):
            said = f'quantity must be a name and its parameters, like {{ name = "loss" }}, got {short_repr(given)}'
            raise ConfigError(Problem(said, "quantity"))
        name = given.get("name")
        if not isinstance(name, str) or name not in QUANTITIES:
            said = f"a quantity must be a known one, got {short_repr(name)}: {nearest(str(name), list(QUANTITIES))}"
            raise ConfigError(Problem(said, "quantity"))
        known = QUANTITIES[name]["parameters"]
        problems = [
            no_field(f"the quantity {name}", key, ["name", *known]) for key in given if key not in ("name", *known)
        ]
        found = {}
        for key in known:
            if key not in given and "default" not in PARAMETERS[key]:
                problems.append(Problem(f"the quantity {name} must say its {key}, got none", "quantity"))
            found[key] = given.get(key, PARAMETERS[key].get("default"))
            if key in given:
                problems += _problems_of(key, given[key])
        if problems:
            raise ConfigError(problems)
        return cls(name, found)

    @property
    def answer(self) -> str:
        """What its answer is: a number, an option, a token, a position or a head."""
        return str(QUANTITIES[self.name]["answer"])

    @property
    def of_runs(self) -> bool:
        """Whether it is of collected runs, and not of one."""
        return bool(QUANTITIES[self.name]["of"] == "runs")

    @property
    def options(self) -> tuple[str, ...]:
        """The options of a claim; none of what is no claim."""
        return tuple(QUANTITIES[self.name].get("options", ()))

    @property
    def digits(self) -> int:
        """How many digits after the point a number is shown with."""
        return int(QUANTITIES[self.name].get("digits", 0))

    @property
    def is_of_text(self) -> bool:
        """Whether it names a sentence, so that it can be asked of texts only that have it."""
        return "sentence" in self.parameters

    def label(self, setting: str = "") -> str:
        """Return in words what is measured; setting: that of the collected runs.

        >>> Quantity.of({"name": "looks_most", "word": "the"}).label()
        'where “the” looks most in sentence 1'
        """
        told = {
            key: PARAMETERS[key].get("otherwise", "") if value is None else value
            for key, value in self.parameters.items()
        }
        return str(QUANTITIES[self.name]["label"]).format(setting=setting, **told)

    def place(self, corpus: Corpus, name: str = "word") -> tuple[int, int]:
        """Return which sentence and position is asked about, both from 0; raises `SelectionError` for what is not there.

        >>> Quantity.of({"name": "looks_most", "word": "the"}).place(Corpus.notebook())
        (0, 3)
        """
        sequence = int(self.parameters["sentence"]) - 1
        if sequence >= corpus.n_sequences:
            raise SelectionError(f"sentence must be from 1 to {corpus.n_sequences}, got {sequence + 1}")
        words, word = corpus.sentences[sequence], self.parameters[name]
        if isinstance(word, int):
            if word >= len(words):
                raise SelectionError(f"{name} must be a position from 0 to {len(words) - 1}, got {word}")
            return sequence, word
        found = [position for position, other in enumerate(words) if other == word]
        if len(found) != 1:
            there = "which is there more than once: give its position" if found else f"known are {listing(words)}"
            raise SelectionError(f"{name} must be one word of sentence {sequence + 1}, got {short_repr(word)}: {there}")
        return sequence, found[0]

    def problems_with(self, corpus: Corpus, model: ModelConfig) -> list[Problem]:
        """Return what of it is not there in a corpus, or not in a model."""
        found = []
        for name in ("word", "on"):
            if name in self.parameters:
                try:
                    self.place(corpus, name)
                except SelectionError as error:
                    found += [Problem(problem.text, "quantity") for problem in error.problems]
        token = self.parameters.get("of")
        if token is not None and token not in corpus.vocabulary:
            known = listing(corpus.vocabulary)
            found.append(
                Problem(f"of must be a word of the sentences, got {short_repr(token)}: known are {known}", "quantity")
            )
        for name, count in (("layer", model.n_layers), ("head", model.n_heads)):
            number = self.parameters.get(name)
            if number is not None and not is_index(number, count):
                found.append(Problem(f"{name} must be from 0 to {count - 1}, got {number}", "quantity"))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, every parameter said."""
        return {"name": self.name, **self.parameters}


def _problems_of(name: str, value: Any) -> list[Problem]:
    """Return what is wrong with one parameter, as far as it can be told without a corpus."""
    row = PARAMETERS[name]
    whole = isinstance(value, int) and not isinstance(value, bool)
    text = isinstance(value, str) and bool(value)
    match row["kind"]:
        case "sentence":
            wanted, fits = "a whole number from 1", whole and value >= 1
        case "position":
            wanted, fits = "a word of the sentence, or its position from 0", text or (whole and value >= 0)
        case "layer" | "head":
            wanted, fits = "a whole number from 0", whole and value >= 0
        case "choice":
            wanted, fits = f"one of {', '.join(row['options'])}", value in row["options"]
        case "value":
            wanted, fits = "one of the values of the runs", whole or text or isinstance(value, float)
        case _:
            wanted, fits = "text", text
    return [] if fits else [Problem(f"{name} must be {wanted}, got {short_repr(value)}", "quantity")]


def answers_fit(kind: str) -> Sequence[str]:
    """Return what answers may be of a question of a kind."""
    return {"choose": (POSITION, TOKEN, HEAD), "number": (NUMBER,), "claim": (OPTION,)}[kind]
