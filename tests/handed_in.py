"""Answer files as honest students hand them in, and as others would: made without anything that grades them."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from functools import cached_property

import numpy as np

import headlab as hl
from headlab.engine.golden import sha256
from headlab.homework.assignment.assignment import Assignment
from headlab.runs.experiment import Experiment
from headlab.runs.link import write_over

QUICK = """
name = "quick"
title = "A homework that is trained in a moment"
[lab]
d_head = 10
learning_rate = 0.3
steps = 300
fixed = "all"
[lab.range]
d_head = [1, 16]
[variants]
number = 8
first = 1000
each = 100
[[question]]
id = "good"
kind = "picture"
ask = "Attach a run that is solved."
points = 2
needs = "solved"
[[question]]
id = "looks"
kind = "choose"
ask = "Where does “the” look most in sentence 1?"
points = 1
run = "good"
quantity = { name = "looks_most", sentence = 1, word = "the" }
[[question]]
id = "next"
kind = "choose"
ask = "What does it predict after “the” in sentence 2?"
points = 1
quantity = { name = "predicted", sentence = 2, word = "the" }
[[question]]
id = "loss"
kind = "number"
ask = "What is its loss?"
points = 1
run = "good"
quantity = { name = "loss" }
tolerance = 0.0005
[[question]]
id = "sizes"
kind = "runs"
ask = "Train three runs with d_head 4 and with d_head 10."
points = 2
runs = { setting = "d_head", values = [4, 10], each = 3 }
[[question]]
id = "median"
kind = "number"
ask = "What is their median loss with d_head 4?"
points = 1
from = "sizes"
quantity = { name = "median_loss", value = 4 }
tolerance = 0.0005
[[question]]
id = "better"
kind = "claim"
ask = "Is 10 better or worse than 4?"
points = 1
from = "sizes"
quantity = { name = "difference", value = 10, base = 4, measure = "share" }
[[question]]
id = "small"
kind = "find"
ask = "With how small a head can it be solved?"
points = 2
find = { setting = "d_head", best = "lowest", goal = "solved", par = 3 }
[[question]]
id = "why"
kind = "sentence"
ask = "How do the attention weights tell the sentences apart?"
points = 3
run = "good"
least = 10
"""
SEEDS = 14  # of a variant, that an honest student tries


def quick():
    """The assignment that the tests grade."""
    return Assignment.of_text(QUICK, "quick")


class Trained:
    """Runs as they come out when they are trained one setting at a time: nothing of what grades them is used."""

    def __init__(self):
        self.known = {}

    def of(self, fields):
        """The run of the lab's fields, and its hash as an answer file has it."""
        key = json.dumps({**fields, "seed": None}, sort_keys=True), fields["seed"]
        if key not in self.known:
            self.train(fields, [fields["seed"]])
        return self.known[key]

    def train(self, fields, seeds):
        """Train these seeds together."""
        setting, experiment = json.dumps({**fields, "seed": None}, sort_keys=True), Experiment.of(fields)
        seeds = [seed for seed in seeds if (setting, seed) not in self.known]
        if not seeds:
            return
        runs = hl.train(
            experiment.dataset, experiment.model, experiment.training, seeds=seeds, record="none", snapshots=None
        )
        order, shape = runs.corpus.batch.order, runs.model.on(runs.corpus)
        flat = runs.params.flat()
        for number, seed in enumerate(seeds):
            self.known[setting, seed] = runs[number], sha256(flat[number : number + 1], order, shape)[:32]


class Class:
    """Students who do the homework honestly: their runs are trained, and their answers read off these."""

    def __init__(self, assignment, students, seed=0):
        self.assignment, self.students, self.trained = assignment, students, Trained()
        self.random = random.Random(seed)

    def fields(self, student, **changes):
        """A run's fields, and its address relative to where the student begins."""
        begun = dict(self.assignment.variant_of(student).fields)
        fields = {**begun, **changes}
        return fields, write_over(fields, begun)

    @cached_property
    def files(self):
        """What each hands in, as values, by student."""
        for variant in self.assignment.handed_out:
            for d_head in (2, 3, 4, 10):
                self.trained.train({**variant.fields, "d_head": d_head}, list(variant.seeds)[:SEEDS])
        return {student: self.file(student) for student in self.students}

    def file(self, student):
        """What a student hands in."""
        variant = self.assignment.variant_of(student)
        seeds = list(variant.seeds)[:SEEDS]
        self.random.shuffle(seeds)
        runs = []

        def name(seed, d_head):
            fields, address = self.fields(student, seed=seed, d_head=d_head)
            runs.append([address, self.trained.of(fields)[1]])
            return len(runs) - 1, self.trained.of(fields)[0]

        def solved(seed, d_head):
            return self.trained.of(self.fields(student, seed=seed, d_head=d_head)[0])[0].grade() == "solved"

        good = next(seed for seed in seeds if solved(seed, 10))
        at, run = name(good, 10)
        answers = {
            "good": {"run": at, "view": "query=3&head=0"},
            "looks": {"run": at, "value": looks_most(run, 0, 3)},
            "loss": {"run": at, "value": f"{float(run.final_loss):.4f}"},
            "why": {"text": f"It looks at the word that differs, I am {student}."},
        }
        rest = [seed for seed in seeds if seed != good]
        at, run = name(rest[0], 2)
        answers["next"] = {"run": at, "value": predicted(run, 1, 3)}
        sizes = [name(seed, d_head) for d_head in (4, 10) for seed in rest[1:4]]
        answers["sizes"] = {"runs": [number for number, _ in sizes]}
        answers["median"] = {"value": f"{np.median([float(run.final_loss) for _, run in sizes[:3]]):.4f}"}
        answers["better"] = {"value": "cannot be told"}
        small = next((seed for seed in rest[4:] if solved(seed, 3)), None)
        if small is not None:
            answers["small"] = {"run": name(small, 3)[0]}
        return {
            "headlab": "answer",
            "format": 1,
            "assignment": self.assignment.hash,
            "name": self.assignment.name,
            "version": hl.__version__,
            "numerics": 2,
            "id": student,
            "variant": variant.number,
            "runs": runs,
            "answers": answers,
        }


def looks_most(run, sequence, position):
    """Where a position of a sentence looks most."""
    return int(np.argmax(run.pattern()[sequence, position]))


def predicted(run, sequence, position):
    """The token that is predicted at a position of a sentence."""
    return run.corpus.vocabulary[int(np.argmax(run.logits()[sequence, position]))]


def as_bytes(file):
    """A file's content as the page writes it: a key a line."""
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in file.items())
    return f"{{{lines}}}\n".encode()


def forged(file, others, assignment, rng) -> Iterator[tuple[str, bytes]]:
    """Forgeries of a file, of every kind once: what was done, and the file's content."""
    for kind, forge in KINDS.items():
        made = forge(deepcopy(file), others, assignment, rng)
        yield kind, made if isinstance(made, bytes) else as_bytes(made)


def _number(file, others, assignment, rng):
    name = rng.choice(["loss", "median"])
    file["answers"][name]["value"] = (
        f"{float(file['answers'][name]['value']) + rng.choice([-1, 1]) * rng.uniform(0.001, 0.3):.4f}"
    )
    return file


def _choice(file, others, assignment, rng):
    name, values = rng.choice(
        [("looks", range(5)), ("next", ["chicken", "beef", "the", "man"]), ("better", ["better", "worse"])]
    )
    file["answers"][name]["value"] = rng.choice([value for value in values if value != file["answers"][name]["value"]])
    return file


def _bits(file, others, assignment, rng):
    run = rng.choice(file["runs"])
    place = rng.randrange(32)
    run[1] = (
        run[1][:place]
        + rng.choice([digit for digit in "0123456789abcdef" if digit != run[1][place]])
        + run[1][place + 1 :]
    )
    return file


def _seed(file, others, assignment, rng):
    """Runs that were never trained: their addresses are changed, their hashes stay."""
    seeds = list(assignment.variant_of(file["id"]).seeds)
    for number, run in enumerate(file["runs"]):
        if rng.random() < 0.7:
            run[0] = f"seed={seeds[SEEDS + number]}&d_head={rng.choice([4, 10])}"
    return file


def _swapped(file, others, assignment, rng):
    """Hashes of this file's own runs, in another order."""
    hashes = [run[1] for run in file["runs"]]
    for run, other in zip(file["runs"], hashes[1:] + hashes[:1], strict=True):
        run[1] = other
    return file


def _dropped(file, others, assignment, rng):
    """A run is left out: all numbers after it are of other runs."""
    del file["runs"][rng.randrange(len(file["runs"]) - 1)]
    most = len(file["runs"]) - 1
    for answer in file["answers"].values():
        if "run" in answer:
            answer["run"] = min(answer["run"], most)
        if "runs" in answer:
            answer["runs"] = [number for number in answer["runs"] if number <= most]
    return file


def _copied(file, others, assignment, rng):
    """Somebody else's runs and answers, under one's own id and variant."""
    other = rng.choice(others)
    return {**deepcopy(other), "id": file["id"], "variant": file["variant"]}


def _hashes(file, others, assignment, rng):
    """Somebody else's hashes beside one's own addresses."""
    for run, other in zip(file["runs"], rng.choice(others)["runs"], strict=False):
        run[1] = other[1]
    return file


def _renamed(file, others, assignment, rng):
    """Somebody else's whole file, with one's own id."""
    return {**deepcopy(rng.choice(others)), "id": file["id"]}


def _variant(file, others, assignment, rng):
    file["variant"] = (file["variant"] + rng.randrange(1, 8)) % 8
    return file


def _twice(file, others, assignment, rng):
    """One run three times, told apart by how its address is written."""
    address, digest = file["runs"][file["answers"]["sizes"]["runs"][0]]
    turned = "&".join(reversed(address.split("&")))
    file["runs"] += [[turned, digest], [f"{address}&optimizer=sgd", digest]]
    most = len(file["runs"])
    file["answers"]["sizes"]["runs"][:3] = [file["answers"]["sizes"]["runs"][0], most - 2, most - 1]
    return file


def _locked(file, others, assignment, rng):
    """What the assignment does not let anybody change."""
    change = rng.choice(["learning_rate=0.5", "d_head=64", "steps=600", "text=a+b%0Ac+d", "seed=1", "optimizer=adam"])
    name = change.partition("=")[0]
    for run in file["runs"]:
        run[0] = "&".join([*(part for part in run[0].split("&") if part and not part.startswith(f"{name}=")), change])
    return file


def _cut(file, others, assignment, rng):
    data = as_bytes(file)
    return data[: rng.randrange(1, len(data) - 2)]


def _broken(file, others, assignment, rng):
    data = bytearray(as_bytes(file))
    data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def _another_run(file, others, assignment, rng):
    """Answers about another of one's own runs."""
    for name in ("looks", "next", "loss", "good", "small"):
        if name in file["answers"]:
            file["answers"][name]["run"] = rng.randrange(len(file["runs"]))
    return file


def _assignment(file, others, assignment, rng):
    file["assignment"] = "".join(rng.choice("0123456789abcdef") for _ in range(32))
    return file


def _numerics(file, others, assignment, rng):
    file["numerics"] = 1
    return file


KINDS = {
    "a number changed": _number,
    "a choice changed": _choice,
    "a bit of a hash changed": _bits,
    "seeds never trained": _seed,
    "hashes swapped": _swapped,
    "a run dropped": _dropped,
    "runs and answers copied": _copied,
    "hashes copied": _hashes,
    "a file renamed": _renamed,
    "another variant said": _variant,
    "a run thrice": _twice,
    "settings locked": _locked,
    "cut off": _cut,
    "a byte changed": _broken,
    "answers of another run": _another_run,
    "another assignment": _assignment,
    "another numerics": _numerics,
}
