"""Saved runs: old or new and whole wherever saving stops, nothing changed is read, whatever else is there is one sentence."""

import contextlib
import copy
import hashlib
import json
import os
import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import safetensors
from safetensors.numpy import load_file
from safetensors.numpy import save as save_tensors

import headlab as hl
from headlab.locks import OF_A_FOLDER
from headlab.runs.files import SavedRuns, tensors_of

SHORT = hl.TrainConfig.of(steps=3)
WEIGHTS = re.compile(r"weights-[0-9a-f]{64}\.safetensors")


@pytest.fixture(scope="module")
def old():
    return hl.train(hl.Corpus.notebook(), training=SHORT, seeds=range(2))


@pytest.fixture(scope="module")
def new():
    return hl.train(hl.Corpus.from_text("a b c\nd b e"), hl.ModelConfig(d_head=3), SHORT, seeds=range(5, 8))


def same(one, other):
    return one.corpus.to_dict() == other.corpus.to_dict() and np.array_equal(one.params.flat(), other.params.flat())


def loaded(folder):
    """Return the runs in a folder, or None and what is said of it."""
    try:
        return hl.Runs.load(folder), ""
    except hl.WeightsError as error:
        return None, str(error)


def names(folder):
    """What is in a folder beside the file that is locked where folders cannot be."""
    return sorted(path.name for path in folder.iterdir() if path.name != OF_A_FOLDER)


def format_1(runs, folder):
    """Write runs as the first version of headlab did."""
    runs.save(folder)
    data = (folder / "weights.safetensors").read_bytes()
    for path in folder.iterdir():
        path.unlink()
    (folder / "weights.safetensors").write_bytes(data)
    fields = {"format": 1, "sha256": hashlib.sha256(data).hexdigest(), "corpus": runs.corpus.to_dict()}
    fields |= {"model": runs.model.to_dict(), "training": runs.training.to_dict(), "optimizer_step": 3}
    (folder / "run.json").write_text(json.dumps(fields))
    return folder


def sealed(fields):
    """Return a run.json that says of itself that it is as it was saved."""
    body = json.dumps(fields, indent=2)[1:].encode()
    return b'{\n  "sha256": "%s",' % hashlib.sha256(body).hexdigest().encode() + body


@pytest.mark.unix
def test_the_weights_bear_their_hash_and_a_link_leads_to_them(tmp_path, old):
    folder = old.save(tmp_path / "saved")
    link, config, weights = (
        folder / name for name in ("weights.safetensors", "run.json", (folder / "weights.safetensors").readlink())
    )
    assert names(folder) == sorted(["run.json", "weights.safetensors", weights.name])
    assert weights.name == f"weights-{hashlib.sha256(weights.read_bytes()).hexdigest()}.safetensors"
    assert json.loads(config.read_text())["weights"] == weights.name
    np.testing.assert_array_equal(load_file(link)["W_E"], old.params.W_E)


def test_files_say_that_weights_are_in_the_order_of_the_vocabulary_and_older_ones_need_not(tmp_path, old):
    folder = old.save(tmp_path / "saved")
    fields = json.loads((folder / "run.json").read_text())
    with safetensors.safe_open(folder / "weights.safetensors", "numpy") as file:
        assert fields["order"] == file.metadata()["order"] == "vocabulary"
    del fields["sha256"]
    for order, said in ((None, ""), ("training", "in the order of the vocabulary, got 'training' in "), ([], "got []")):
        fields.pop("order", None)
        (folder / "run.json").write_bytes(sealed(fields if order is None else {**fields, "order": order}))
        runs, message = loaded(folder)
        assert (runs is None) == (order is not None)
        assert said in message
        assert order is not None or same(runs, old)


def test_saving_over_runs_leaves_the_new_ones_alone(tmp_path, old, new):
    folder = old.save(tmp_path / "saved")
    (folder / "notes.txt").write_text("mine")
    (folder / f"weights-{'0' * 64}.safetensors").write_bytes(b"left by a save that was killed")
    (folder / "run.json-77-0a0b0c0d.part").write_bytes(b"half")
    new.save(folder)
    assert same(hl.Runs.load(folder), new)
    assert len(names(folder)) == 4
    assert (folder / "notes.txt").read_text() == "mine"
    np.testing.assert_array_equal(load_file(folder / "weights.safetensors")["W_E"], new.params.W_E)


def test_two_that_save_into_one_folder_leave_the_runs_of_one(tmp_path, old, new):
    def save(runs):
        for _ in range(4):
            runs.save(tmp_path / "saved")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(save, (old, new)))
    found = hl.Runs.load(tmp_path / "saved")
    assert same(found, old) or same(found, new)
    assert len(names(tmp_path / "saved")) == 3


def test_runs_of_the_first_format_are_read_and_saved_over(tmp_path, old, new):
    folder = format_1(old, tmp_path / "saved")
    assert same(hl.Runs.load(folder), old)
    new.save(folder)
    assert same(hl.Runs.load(folder), new)
    assert len(names(folder)) == 3


class Stop(BaseException):
    """The process is gone."""


class Faults:
    """Count the calls to the system; from call `at` on the process is gone, or that one call fails."""

    CALLS = (
        "open",
        "fdopen",
        "fsync",
        "close",
        "replace",
        "rename",
        "symlink",
        "unlink",
        "mkdir",
        "listdir",
        "scandir",
        "write",
    )

    def __init__(self, monkeypatch, at, stops):
        self.at, self.stops, self.count = at, stops, 0
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self.faulty(getattr(os, name)))

    def hit(self):
        self.count += 1
        if self.stops and self.count >= self.at:
            raise Stop
        if self.count == self.at:
            raise OSError(28, "No space left on device")

    def faulty(self, call):
        def wrapped(*arguments, **named):
            if call.__name__ == "close":  # a process that is gone has closed everything
                call(*arguments)
                return self.hit()
            self.hit()
            result = call(*arguments, **named)
            return Halfway(result, self) if call.__name__ == "fdopen" and "w" in arguments[1] else result

        return wrapped


class Halfway:
    """A file whose writing may end in the middle."""

    def __init__(self, file, faults):
        self.file, self.faults = file, faults

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        self.faults.hit()
        self.file.write(data[len(data) // 2 :])


@pytest.mark.parametrize("stops", [True, False], ids=["the process ends", "a call fails"])
@pytest.mark.parametrize("form", [1, 2])
def test_wherever_saving_over_runs_ends_the_old_or_the_new_are_whole(tmp_path, old, new, stops, form):
    outcomes = []
    for at in range(1, 100):
        folder = tmp_path / f"{at}"
        format_1(old, folder) if form == 1 else old.save(folder)
        with pytest.MonkeyPatch.context() as patch:
            faults = Faults(patch, at, stops)
            try:
                new.save(folder)
                ended = True
            except (Stop, hl.OutputError):
                ended = False
        found = hl.Runs.load(folder)
        assert same(found, old) or same(found, new), at
        assert same(found, new) or not ended, at
        outcomes.append(same(found, new))
        new.save(folder)  # whatever was left is in nobody's way
        assert same(hl.Runs.load(folder), new)
        assert len(names(folder)) == 3
        if faults.count < at:
            break
    assert outcomes[-1]
    assert not all(outcomes)
    assert not stops or outcomes == sorted(outcomes)
    assert 10 < len(outcomes) < 90


def test_a_first_save_that_ends_early_leaves_no_runs_or_whole_ones(tmp_path, new):
    for at in range(1, 100):
        folder = tmp_path / f"{at}" / "runs"
        with pytest.MonkeyPatch.context() as patch:
            faults = Faults(patch, at, stops=True)
            with contextlib.suppress(Stop):
                new.save(folder)
        runs, said = loaded(folder)
        assert "readable run.json" in said if runs is None else same(runs, new)
        if faults.count < at:
            return
    raise AssertionError("saving never ends")


def test_a_file_that_may_not_grow_is_named_for_it_and_the_old_runs_stay(tmp_path, old, new):
    folder = old.save(tmp_path / "saved")
    before = names(folder)
    code = (
        "import headlab as hl, resource, sys; runs = hl.train(seeds=range(40), training=hl.TrainConfig.of(steps=9));"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)); runs.save(sys.argv[1])"
    ).replace("hl.train(", "hl.train(hl.Corpus.notebook(), ")
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert "saved runs must be no larger than files may be here" in done.stderr
    assert names(folder) == before
    assert same(hl.Runs.load(folder), old)


def test_every_flipped_bit_is_refused(tmp_path, old):
    folder = old.save(tmp_path / "saved")
    source = random.Random(5)
    for file in (folder / "run.json", next(folder.glob("weights-*.safetensors"))):
        data = file.read_bytes()
        ends = [8 * at + bit for at in (*range(120), len(data) - 1) for bit in range(8)]
        for bit in [*ends[:: 1 if file.suffix == ".json" else 16], *source.sample(range(8 * len(data)), 150)]:
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            file.write_bytes(changed)
            with pytest.raises(hl.WeightsError):
                hl.Runs.load(folder)
        file.write_bytes(data)
    assert same(hl.Runs.load(folder), old)


def test_run_json_of_other_runs_is_refused(tmp_path, old):
    folder = old.save(tmp_path / "saved")
    other = hl.train(old.corpus, hl.ModelConfig(causal=False), SHORT, seeds=range(2)).save(tmp_path / "other")
    (folder / "run.json").write_bytes((other / "run.json").read_bytes())
    with pytest.raises(hl.WeightsError, match=r"readable weights-.*No such file"):
        hl.Runs.load(folder)


@pytest.mark.parametrize("name", ["../other/weights.safetensors", "/etc/passwd", "weights.safetensors", 7, None, ["a"]])
def test_run_json_names_weights_beside_it_by_their_hash_and_nothing_else(tmp_path, old, name):
    folder = old.save(tmp_path / "saved")
    fields = json.loads((folder / "run.json").read_text())
    fields.pop("sha256")
    (folder / "run.json").write_bytes(sealed(fields | {"weights": name}))
    with pytest.raises(hl.WeightsError, match="must name its weights"):
        hl.Runs.load(folder)


@pytest.mark.parametrize("file", ["run.json", "weights.safetensors"])
def test_a_pipe_or_a_folder_in_the_place_of_a_file_keeps_nobody_waiting(tmp_path, old, file):
    for number, make in enumerate((os.mkfifo, os.mkdir)):
        folder = format_1(old, tmp_path / str(number))
        (folder / file).unlink()
        make(folder / file)
        with pytest.raises(hl.WeightsError, match="readable"):
            hl.Runs.load(folder)


ODD = [
    None,
    True,
    -1,
    7,
    99,
    10**400,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\ud800",
    [],
    {},
    [[]],
    [0, [1]],
    [None],
]


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def mutated(fields, random):
    """Return run.json's fields with one thing in them changed, taken away, added or made twice."""
    fields = copy.deepcopy(fields)
    at, trail = fields, []
    while isinstance(at, dict | list) and at and (not trail or random.random() < 0.75):
        key = random.choice(list(at) if isinstance(at, dict) else range(len(at)))
        trail.append((at, key))
        at = at[key]
    parent, key = trail[-1]
    match random.randrange(4):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, list):
            parent.insert(key, random.choice([*ODD, parent[key], nested(50)]))
        case 1:
            parent[f"{key}s"] = parent[key]
        case _:
            parent[key] = random.choice([*ODD, nested(50), nested(500)])
    return fields


def test_300_changed_run_jsons_end_in_one_sentence_or_in_other_sound_runs(tmp_path, old):
    folder = format_1(old, tmp_path / "saved")
    fields = json.loads((folder / "run.json").read_text())
    source, refused = random.Random(11), 0
    for number in range(300):
        changed = mutated(fields, source)
        (folder / "run.json").write_text(json.dumps(changed))
        runs, said = loaded(folder)
        if runs is None:
            refused += 1
            assert 20 < len(said) < 2000, number
            assert "\n" not in said, number
        else:
            assert runs.corpus.to_dict()["sequences"] == changed["corpus"]["sequences"], number  # nothing is dropped
            assert runs.logits().shape[1:3] == runs.corpus.tokens.shape
    assert 200 < refused < 300


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "1" * 10_000,
        "nan",
        '{"format": true}',
        '{"format": 0}',
        '{"format": 1e3}',
        '""',
        "\xff",
    ],
    ids=lambda text: text[:12],
)
def test_json_that_is_no_run_json_is_a_sentence(tmp_path, old, text):
    folder = old.save(tmp_path / "saved")
    (folder / "run.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(hl.WeightsError, match=r"must be JSON|must be headlab's"):
        hl.Runs.load(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("sequences", [[0, odd]]) for odd in (-1, 7, True, 1.0, [1], None, 10**400)],
        *[("sequences", odd) for odd in ([0, 1], [[0, 1], []], [], None, "abc")],
        *[("vocabulary", odd) for odd in ("abcdefg", [1] * 7, ["a"] * 7, ["\ud800", *"abcdef"])],
        *[("labels", odd) for odd in (["a"], None, [1] * 7)],
        *[("start", 3), ("wrap", 1), ("wrapped", True)],
    ],
    ids=str,
)
def test_a_corpus_from_elsewhere_is_checked_whole(field, value):
    fields = hl.Corpus.notebook().to_dict()
    with pytest.raises(hl.CorpusError, match=field):
        hl.Corpus.from_dict(fields | {field: value})
    del fields["wrap"]
    with pytest.raises(hl.CorpusError, match="wrap"):
        hl.Corpus.from_dict(fields)


@pytest.mark.parametrize("given", [None, 3, "text", [], [["steps", 3]], {"steps": 10**400}, {"phases": [{}]}, {1: 2}])
def test_configurations_from_elsewhere_are_checked_whole(given):
    for config in (hl.ModelConfig, hl.TrainConfig):
        with pytest.raises(hl.ConfigError):
            config.from_dict(given)


@pytest.mark.parametrize(
    "value", [10**400, 10**5000, float("nan"), "0.1", True, nested(200)], ids=lambda value: type(value).__name__
)
def test_a_number_that_no_field_can_hold_is_refused_in_few_words(value):
    with pytest.raises(hl.ConfigError, match="learning_rate must be a finite number") as refused:
        hl.TrainConfig(learning_rate=value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("name", ["run.loss", "run.outcome", "run.seeds", "run.snapshots", "W_E"])
def test_arrays_that_do_not_fit_together_are_named(tmp_path, old, name):
    arrays = tensors_of(SavedRuns(old.models.to_save(), old.training, old.history, old.seeds))
    for change in (lambda a: a[:-1], lambda a: a[..., None], lambda a: a.astype(bool), None):
        tensors = {key: np.ascontiguousarray(a) for key, a in arrays.items() if key != name}
        if change is not None:
            tensors[name] = np.ascontiguousarray(change(arrays[name]))
        elif name in ("run.seeds", "run.snapshots"):
            continue
        folder = format_1(old, tmp_path / "saved")
        data = save_tensors(tensors)
        fields = json.loads((folder / "run.json").read_text()) | {"sha256": hashlib.sha256(data).hexdigest()}
        (folder / "weights.safetensors").write_bytes(data)
        (folder / "run.json").write_text(json.dumps(fields))
        with pytest.raises(hl.WeightsError, match=name.removeprefix("run.")):
            hl.Runs.load(folder)
