"""What docs/decisions/bits.md says of the same bits, held to what the kernel is held to."""

import json
import re
from importlib import resources
from pathlib import Path

from headlab.config.numerics import NUMERICS

TOLD = (Path(__file__).parents[1] / "docs" / "decisions" / "bits.md").read_text(encoding="utf-8")
GOLDEN = json.loads(resources.files("headlab.engine").joinpath("golden.json").read_text(encoding="utf-8"))


def test_the_table_of_settings_is_that_of_the_golden_file():
    rows = re.findall(r"^\| ([^|]+) \| [^|]* \| `([0-9a-f]{16})…` \|$", TOLD, re.MULTILINE)
    assert rows == [(setting["name"], setting["sha256"]["many"][:16]) for setting in GOLDEN["settings"]]
    assert len(rows) == 14


def test_the_numerics_that_are_told_are_in_force():
    assert GOLDEN["numerics"] == NUMERICS
    assert f"`numerics` ({NUMERICS} now)" in TOLD
