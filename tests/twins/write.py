"""Write what Python says of a few seeds of every problem into tests/data/twins, and of collected runs.

python tests/twins/write.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from twins import collected
from twins.saying import SAMPLE, sample, write

if __name__ == "__main__":
    write(sample(), SAMPLE)
    collected.write()
    sys.stdout.write(f"{sum(path.stat().st_size for path in SAMPLE.iterdir()):,} bytes\n")
