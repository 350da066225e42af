"""The one table of what explanations say, `words.json`: clauses and what each measures, thresholds, names, how numbers are shown.

Python reads it here, and a page can read the same file; nothing that is in it stands anywhere else.
"""

import json
from pathlib import Path
from typing import Any

TABLE: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
PHRASES: dict[str, str] = TABLE["phrases"]  # what clauses and names are joined with
LIMITS: dict[str, int] = {name: int(row["value"]) for name, row in TABLE["limits"].items()}
THRESHOLDS: dict[str, float] = {name: float(row["value"]) for name, row in TABLE["thresholds"].items()}
