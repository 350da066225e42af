"""A study's specification from elsewhere: whatever is in it, it opens or is refused in a sentence, and nothing is allocated."""

import json
import random
import resource
import subprocess
import sys
import time

import pytest

import headlab as hl
from headlab.config.numerics import NUMERICS
from headlab.study.design import StudyDesign
from headlab.study.hashes import digest
from headlab.study.store import Store
from headlab.study.study import Study

ODD = [None, True, False, -1, 0, 1.5, 10**30, "", "x", "\ud800", [], {}, [[]], [None], {"a": 1}, -(2**63), 2**64, 1e308]


@pytest.fixture
def folder(tmp_path):
    plan = StudyDesign.grid(
        hl.Corpus.from_text("a b c\nd b e"), seeds=[0, 1, 2, 7], training=hl.TrainConfig(), d_head=[2, 3], title="t"
    )
    return Study.create(tmp_path / "study", plan).store.folder


def sealed(folder, specification, **others):
    content = {"specification": specification, "extends": None, "numerics": NUMERICS}
    given = {"format": 3, "sha256": digest(content), **content, **others}
    (folder / "study.json").write_text(json.dumps(given))


def places(value, at=()):
    yield at
    if isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*at, name))


def mutated(value, rng):
    """Return a copy of a value with one thing in it changed, left out, or doubled."""
    whole = json.loads(json.dumps({"root": value}))
    *way, last = ("root", *rng.choice(list(places(value))))
    holder = whole
    for name in way:
        holder = holder[name]
    act = rng.choice(["put", "put", "put", "leave out", "double"])
    if act == "put":
        holder[last] = rng.choice(ODD)
    elif act == "leave out":
        del holder[last]
    elif isinstance(holder, list):
        holder.append(holder[last])
    else:
        holder["other"] = holder[last]
    return whole.get("root")


def opened(folder):
    said = None
    try:
        study = Study(folder)
        return study.design, study.status()
    except hl.HeadlabError as error:
        said = str(error)
    assert len(said) > 20
    return None


def within(given, kept):
    if isinstance(given, dict):
        return all(name in kept and within(value, kept[name]) for name, value in given.items())
    if isinstance(given, list):
        return len(given) == len(kept) and all(map(within, given, kept))
    return given == kept and isinstance(given, bool) == isinstance(kept, bool)


def test_every_change_of_a_specification_opens_or_is_refused_in_a_sentence(folder):
    rng, before = random.Random(0), Study(folder).design.to_dict()
    outcomes = []
    for _ in range(300):
        specification = mutated(before, rng)
        sealed(folder, specification)
        found = opened(folder)
        outcomes.append(found is not None)
        if found is not None:  # nothing was dropped or rounded on the way
            kept = found[0].to_dict()
            assert within({**specification, "seeds": kept["seeds"]}, kept)
            assert list(found[0].seeds) == [n for first, last in specification["seeds"] for n in range(first, last)]
    assert 0 < sum(outcomes) < 200


def test_every_change_of_the_files_bytes_opens_or_is_refused_in_a_sentence(folder):
    rng, whole = random.Random(1), (folder / "study.json").read_bytes()
    for _ in range(200):
        broken = bytearray(whole)
        if rng.random() < 0.5:
            broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        else:
            at = rng.randrange(len(broken))
            broken[at : at + rng.randrange(30)] = rng.choice([b"", b"[", b"-", b"null", b"\xff", b"9" * 5000])
        (folder / "study.json").write_bytes(broken)
        opened(folder)


@pytest.mark.parametrize("text", ["", "null", "[]", "7", "[" * 100_000, '{"a":' * 100_000, "NaN", "9" * 10_000])
def test_a_file_that_is_something_else_is_refused_in_a_sentence(folder, text):
    (folder / "study.json").write_text(text)
    with pytest.raises(hl.HeadlabError, match="cannot be read"):
        Study(folder).status()


def test_negative_ids_are_refused_and_not_dropped(folder):
    specification = Study(folder).design.to_dict()
    for wrong in (-1, 99, 1.5, True):
        specification["datasets"][0]["corpus"]["sequences"][0][1] = wrong
        sealed(folder, specification)
        with pytest.raises(hl.HeadlabError, match="got other sequences: restore the file"):
            Study(folder).status()
    with pytest.raises(hl.CorpusError, match="got other sequences"):
        hl.Corpus.from_dict(specification["datasets"][0]["corpus"])


HUGE = [[[0, 10**9]], [[0, 2**64]], [[number, number + 10**6] for number in range(0, 10**8, 10**6)]]


@pytest.mark.parametrize("seeds", HUGE, ids=["a billion", "all there are", "in a hundred parts"])
@pytest.mark.parametrize("act", ["status", "run", "answer", "curves"])
def test_too_many_seeds_are_refused_before_they_are_taken(folder, seeds, act):
    specification = {**Study(folder).design.to_dict(), "seeds": seeds}
    sealed(folder, specification)
    began = time.monotonic()
    with pytest.raises(
        hl.HeadlabError, match=r"at most 10,000,000 runs, got 2 conditions × .* take at most 5,000,000 seeds"
    ):
        getattr(Study(folder), act)()
    assert time.monotonic() - began < 5


TOO_MANY = ['seeds = "0:1000000000"', f'seeds = "0:{10**30}"', 'seeds = "0:5000001"']


@pytest.mark.parametrize("line", TOO_MANY)
def test_a_study_file_with_too_many_seeds_says_how_many_would_fit(tmp_path, line):
    (tmp_path / "s.toml").write_text(f"{line}\n[grid]\nd_head = [10, 20]\n")
    with pytest.raises(hl.ConfigError, match="take at most 5,000,000 seeds"):
        StudyDesign.from_toml(tmp_path / "s.toml")


def test_python_counts_seeds_before_it_takes_them(folder):
    for seeds in (range(10**9), range(10**30), (n for n in iter(int, 1)), "0:1000000000"):
        with pytest.raises(hl.ConfigError, match="take at most 10,000,000 seeds"):
            StudyDesign.grid(hl.Corpus.notebook(), seeds=seeds)
    with pytest.raises(hl.ConfigError, match="take at most 5,000,000 seeds"):
        Study(folder).extend(seeds=range(10**9))
    with pytest.raises(hl.ConfigError, match="at most 100,000 conditions"):
        StudyDesign.grid(hl.Corpus.notebook(), seeds=[0], learning_rate=iter(int, 1))


@pytest.mark.parametrize("command", ["status", "run", "show", "extend"])
def test_a_small_file_that_asks_for_a_billion_takes_no_memory(folder, command):
    sealed(folder, {**Study(folder).design.to_dict(), "seeds": [[0, 10**9]]})
    more = ["--seeds", "5:6"] if command == "extend" else []
    done = subprocess.run(
        [sys.executable, "-m", "headlab", "study", command, str(folder), *more],
        capture_output=True, text=True, check=False, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (2**31, 2**31)),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "take at most 5,000,000 seeds" in done.stderr


def test_what_headlab_wrote_opens_again(folder):
    before = Study(folder).design
    sealed(folder, before.to_dict())
    assert Store(folder).design.to_dict() == before.to_dict()
