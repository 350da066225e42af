"""What grading takes: 300 files of 40 runs each of the assignment that `headlab homework new` writes, from the shell.

`python benchmarks/homework.py`. Once as it is, where students of one variant share seeds, and once without variants and with no
run in two files, 12,000 in all. Every file is right: what is measured is running again, judging, and writing.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import headlab as hl
from headlab.homework.assignment.assignment import Assignment
from headlab.homework.assignment.template import template
from headlab.homework.grading.again import hashes
from headlab.runs.experiment import Experiment

STUDENTS, EACH, SIZES = 300, 13, (10, 20, 40)


def without_variants(text: str) -> str:
    """Return an assignment's text without its variants."""
    before, _, rest = text.partition("[variants]")
    return before + rest[rest.index("\n#") :]


def seeds_of(assignment: Assignment, student: str, number: int) -> list[int]:
    """Return the seeds that a student tries: of the variant, or where there is none, some of nobody else."""
    own = assignment.variant_of(student).seeds or range(100 * number, 100 * number + 100)
    return random.Random(number).sample(own, EACH + 1)


def write(assignment: Assignment, folder: Path) -> int:
    """Write what all students hand in, and return how many different runs are in it."""
    students = [f"s{number:03}" for number in range(STUDENTS)]
    seeds = {student: seeds_of(assignment, student, number) for number, student in enumerate(students)}
    every = sorted({seed for some in seeds.values() for seed in some})
    known = {}
    for size in SIZES:
        experiment = Experiment.of({**assignment.lab.start, "d_head": size})
        for at in range(0, len(every), 1000):
            some = every[at : at + 1000]
            runs = hl.train(
                experiment.dataset, experiment.model, experiment.training, seeds=some, record="none", snapshots=None
            )
            known |= {(size, seed): found for seed, found in zip(some, hashes(runs), strict=True)}
    named = set()
    for student in students:
        first, *rest = seeds[student]
        runs = [(20, first), *((size, seed) for size in SIZES for seed in rest)]
        named |= set(runs)
        answers = {
            "good": {"run": 0, "view": "query=3"},
            **{name: {"run": 0, "value": 1} for name in ("looks1", "looks2")},
            "coding": {"run": 0, "value": "value"},
            "predicted": {"run": 0, "value": "beef"},
            "why": {"text": f"It looks at the first word, which differs, says {student}."},
            "sizes": {"runs": [*range(1, len(runs))]},
            **{name: {"value": "0.29"} for name in ("loss10", "loss40")},
            "better": {"value": "cannot be told"},
            "size": {"text": f"Not that {student} could see it with so few runs of each."},
        }
        file = {
            "headlab": "answer",
            "format": 1,
            "assignment": assignment.hash,
            "name": assignment.name,
            "version": hl.__version__,
            "numerics": assignment.numerics,
            "id": student,
            "variant": assignment.variant_of(student).number,
            "runs": [[f"seed={seed}&d_head={size}", known[size, seed]] for size, seed in runs],
            "answers": answers,
        }
        (folder / f"{assignment.name}-{student}.txt").write_text(json.dumps(file), encoding="utf-8")
    return len(named)


def timed(folder: Path, *arguments: str) -> tuple[bytes, str]:
    """Run a command of the homework, and return what it prints, and how long it took in words."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "headlab", "homework", *arguments]
    printed = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    used, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    processors = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return printed, f"{seconds:.1f} s ({processors:.1f} s of processors)"


def main() -> None:
    """Write and grade both classes."""
    for what, text in (("as it is", template("hw1")), ("no run twice", without_variants(template("hw1")))):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "in").mkdir()
            (folder / "hw1.toml").write_text(text, encoding="utf-8")
            runs = write(Assignment.read(folder / "hw1.toml"), folder / "in")
            printed, took = timed(folder, "grade", "hw1.toml", "in", "--json")
            graded = json.loads(printed)
            refused = sum(bool(one["problems"]) for one in graded["students"]) + len(graded["unreadable"])
            asked = STUDENTS * (1 + EACH * len(SIZES))
            print(
                f"{STUDENTS} files, {asked:,} runs ({runs:,} different), {what}: {took}; {refused} refused", flush=True
            )
            one = str(min(folder.glob("in/*")))
            _, took = timed(folder, "grade", "hw1.toml", one, "--format", "gradescope")
            print(f"one file alone, as an autograder does it: {took}", flush=True)


if __name__ == "__main__":
    main()
