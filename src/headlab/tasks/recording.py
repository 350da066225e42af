"""One run of a task as it was trained, to look at without training it again: its curves, and what it did at some moments."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr

FOLDER = Path(__file__).with_name("recordings")


@dataclass(frozen=True)
class Moment:
    """What the model was before one step, or at the end.

    patterns: base64 of round(255 · attention), a byte each, in the order [example, layer, head, query, key]
    said: by example and place with a target, the most likely outputs with their shares, at most three
    """

    step: int
    patterns: str
    said: Sequence[Sequence[Sequence[tuple[str, float]]]]


@dataclass(frozen=True)
class Recording:
    """One run of a task.

    recipe, seed: which one it is; None: its weights were set by hand; n_steps: how many steps it was trained
    curve: `steps` and `loss` in nats, each the mean of some steps; held_out: `steps`, `loss`, `right` and of what that is the
        share (`by`: places or sequences), on so many examples that were not trained on (`n_examples`); None where nothing
        is drawn
    roles: what each head does at the end, in sentences; roles_on: counted on which examples, in words
    without: what share is right at the end with all heads, and without each, in sentences
    examples: their `tokens` and `targets`, spelled; None: no target
    moments: in the order of their steps; see `Moment`

    >>> Recording("own", 3, 0, {"steps": [], "loss": []}, None, 1, 1, [], "", [], [], []).to_dict()["seed"]
    3
    """

    recipe: str
    seed: int | None
    n_steps: int
    curve: Mapping[str, Any]
    held_out: Mapping[str, Any] | None
    n_layers: int
    n_heads: int
    roles: Sequence[str]
    roles_on: str
    without: Sequence[str]
    examples: Sequence[Mapping[str, Any]]
    moments: Sequence[Moment]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Recording":
        """Return the recording that `to_dict` wrote; raises `ConfigError` for anything else.

        >>> kept = Recording("own", 3, 0, {"steps": [], "loss": []}, None, 1, 1, [], "", [], [], [Moment(0, "", [])])
        >>> Recording.from_dict(kept.to_dict()) == kept
        True
        """
        try:
            moments = [Moment(**moment) for moment in fields["moments"]]
            return cls(**{**fields, "moments": moments})
        except (TypeError, KeyError):
            said = f"a recording must be what headlab wrote, got {short_repr(fields)}: make it again"
            raise ConfigError(Problem(said, "recording")) from None


def recording_of(name: str) -> Recording | None:
    """Return the recording of a task of the gallery that ships with the package; None where there is none.

    >>> recording_of("notebook") is None  # it trains in a moment
    True
    """
    file = FOLDER / f"{name}.json"
    return Recording.from_dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None
