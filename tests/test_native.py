"""What the kernel computes in float64 has the hashes of data/native.json, to which web/tests/kernel holds the module."""

import pytest
from golden import Golden
from native import ASKED, FILE, computed

from headlab.engine import instruction_sets

ON_BOTH_BACKENDS = True


@pytest.mark.parametrize("golden", ASKED, ids=lambda golden: golden.name)
def test_everyone_computes_the_same_in_float64(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in instruction_sets():
        monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", name)
        assert computed(golden) == FILE["sha256"][golden.name]
