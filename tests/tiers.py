"""Two tiers of tests: a sample that `make test` runs within ten minutes, and all of them, that `make test-all` runs.

What takes longer than a few seconds has a marker `long`, and a short sample of the same claim beside it.
"""

from collections.abc import Iterable
from typing import Any

import pytest

long = pytest.mark.long


def sized(sample: Any, whole: Any) -> list[Any]:
    """Return two sizes of one test: the sample, and the whole for `make test-all`.

    >>> [case.id for case in sized(200, 2000)]
    ['sample', 'whole']
    """
    return [pytest.param(sample, id="sample"), pytest.param(whole, id="whole", marks=long)]


def sampled(cases: Iterable[Any], every: int) -> list[Any]:
    """Return all cases, of which every so many-th is in the sample, the first one included.

    >>> [bool(case.marks) for case in sampled("abcde", every=2)]
    [False, True, False, True, False]
    """
    return [pytest.param(case, marks=() if at % every == 0 else long) for at, case in enumerate(cases)]
