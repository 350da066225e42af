"""The one table of what explanations say, `words.json`: clauses and what each measures, thresholds, names, how numbers are shown.

Python reads it here, and a page can read the same file; nothing that is in it stands anywhere else.
"""

import json
from pathlib import Path
from typing import Any

TABLE: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
THRESHOLDS: dict[str, float] = {name: float(row["value"]) for name, row in TABLE["thresholds"].items()}
