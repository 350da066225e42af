"""Records whose fields are checked all at once: what is wrong is said in sentences, all of them together."""

import dataclasses
import difflib
import json
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from headlab.config.fields import Field, rows_of
from headlab.errors import ConfigError, HeadlabError, Problem
from headlab.notation.values import short_repr

Built = TypeVar("Built")


def gathered(problems: list[Problem], build: Callable[[], Built]) -> Built | None:
    """Return what is built, or None with its problems put to the others, each once.

    >>> problems = [Problem("a is wrong")]
    >>> gathered(problems, lambda: 7), len(problems)
    (7, 1)
    """
    try:
        return build()
    except HeadlabError as error:
        problems += [problem for problem in error.problems if problem not in problems]
        return None


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a hint for an unknown name: the known one that is most like it, or all of them.

    >>> nearest("d_heads", ["d_head", "d_model"])
    'did you mean d_head?'
    """
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def no_field(where: str, name: Any, known: Sequence[str]) -> Problem:
    """Return what is to be said of a field that does not exist, with the known one that comes nearest.

    >>> str(no_field("ModelConfig", "d_heads", ["d_head", "d_model"]))
    "ModelConfig has no field 'd_heads': did you mean d_head?"
    """
    return Problem(f"{where} has no field {short_repr(name)}: {nearest(str(name), known)}", field=str(name))


def _unknown(cls: "type[Checked]", given: Any) -> list[Problem]:
    """Return what is wrong with the names of given fields."""
    if not isinstance(given, Mapping):
        raise ConfigError(f"{cls.__name__} must be fields and their values, got {short_repr(given)}")
    known = [*(item.name for item in dataclasses.fields(cls)), *cls._also]
    return [no_field(cls.__name__, name, known) for name in given if name not in known]


def _lacking(cls: "type[Checked]", given: Mapping[str, Any]) -> list[Problem]:
    """Return which fields without a default are not among the given ones."""
    return [
        Problem(f"{cls.__name__} must have a field {item.name}, got none", item.name)
        for item in dataclasses.fields(cls)
        if item.name not in given and item.default is item.default_factory is dataclasses.MISSING
    ]


def plain_value(value: Any, kind: Any) -> Any:
    """Return a value as Python's own: NumPy's are welcome, and 1 is 1.0 where a field is a real number."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 0) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return value
    try:
        real = float(value)
        if not isinstance(value, numbers.Integral):
            return real
        return real if kind in (float, float | None) and real == value else int(value)
    except OverflowError:
        return value  # a whole number beyond all real ones, to be refused with the others


@dataclass(frozen=True)
class Checked:
    """A frozen record that lists every problem of its fields at once."""

    _also: ClassVar[tuple[str, ...]] = ()  # other names that it is built from

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            object.__setattr__(self, item.name, plain_value(getattr(self, item.name), item.type))
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems)

    def _problems(self) -> Iterable[Problem]:
        """Yield what is wrong; here, with the fields that have a row in the table of fields."""
        for name, rows in rows_of(type(self)).items():
            for row in rows:
                if row.name == name:
                    yield from row.problems(getattr(self, name))

    @classmethod
    def table(cls) -> tuple[Field, ...]:
        """Return the rows of the table of fields that are the record's, in its order.

        >>> from headlab.config import ModelConfig
        >>> [(row.name, row.default) for row in ModelConfig.table()][:2]
        [('d_head', 20), ('n_heads', 1)]
        """
        return tuple(row for rows in rows_of(cls).values() for row in rows)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; raises `ConfigError` for an unknown field.

        >>> from headlab.config import ModelConfig
        >>> ModelConfig().replace(d_head=40).d_head
        40
        """
        problems = _unknown(type(self), changes)
        if problems:
            raise ConfigError(problems)
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Build the record from plain JSON values; raises `ConfigError` for an unknown or wrong field.

        >>> from headlab.config import ModelConfig
        >>> ModelConfig.from_dict(ModelConfig(d_head=10).to_dict()) == ModelConfig(d_head=10)
        True
        """
        unknown, lacking = _unknown(cls, fields), _lacking(cls, fields)
        problems = unknown + lacking
        problems += [
            # In a call it is the same as left out, in a file it is damage.
            Problem(f"{item.name} must be a number, got None", item.name)
            for item in dataclasses.fields(cls)
            if item.default is None and item.type is float and fields.get(item.name, 0) is None
        ]
        known = {item.name for item in dataclasses.fields(cls)} | {*cls._also}
        built = None
        if not lacking:
            built = gathered(problems, lambda: cls(**{name: fields[name] for name in fields if name in known}))
        if problems or built is None:
            raise ConfigError(problems)
        return built
