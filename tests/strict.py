"""JSON as the standard has it, which knows no NaN and no Infinity."""

import json
from typing import Any

import pytest


def strict(text: str | bytes) -> Any:
    """Return what a JSON text says; what no other reader could read fails the test."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
