"""The lab: what it may be asked, what it answers, who is served next, and who is refused."""

import asyncio
import base64
import contextlib
import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
import uvicorn
import websockets
from browsing import COMMAND
from safetensors.numpy import load
from tiers import long

import headlab as hl
from headlab.lab import work
from headlab.lab.app import MOST_BYTES, application
from headlab.lab.desk import Desk, Page
from headlab.lab.experiment import Experiment, notebook_fields
from headlab.lab.guard import HEADERS, Guard
from headlab.lab.work import python_code
from headlab.report import PAGE
from headlab.report.frames.recording import Recording
from headlab.report.frames.wire import Frame, decode, encode

TOKEN = "the-token-of-this-test"
FAST = {"steps": 200}


def frames_of(work, *arguments):
    return {frame.kind: frame for frame in map(decode, map(encode, work(*arguments)))}


def shown(fields):
    experiment = Experiment.of(fields)
    return frames_of(work.picture, experiment) | frames_of(work.why, experiment)


# What is asked


def test_the_pages_first_experiment_is_the_notebooks():
    first = Experiment.of({})
    assert (first.model, first.training) == (hl.ModelConfig(), hl.TrainConfig())
    assert first.corpus.to_dict() == hl.Corpus.notebook().to_dict()
    assert Experiment.of(notebook_fields()).training == first.training


def test_all_problems_of_an_experiment_are_listed_at_once():
    with pytest.raises(hl.ConfigError) as caught:
        Experiment.of({"d_head": 0, "learning_rate": -1, "text": "", "seed": -1, "n_headz": 2})
    problems = str(caught.value)
    for part in ("d_head must be", "learning_rate must be", "seed must be", "n_headz is no setting"):
        assert part in problems
    fields = {problem.field for problem in caught.value.problems}
    assert (len(caught.value.problems), fields) == (5, {"d_head", "learning_rate", "seed", "n_headz", None})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"d_head": 1025}, "d_head must be at most 1,024"),
        ({"n_layers": 9}, "n_layers must be at most 8"),
        ({"steps": 100_001}, "steps must be at most 100,000"),
        ({"text": "a " * 9000}, "at most 16,384 characters"),
        ({"text": "\n".join(f"a b{n}" for n in range(201))}, "at most 200 sentences"),
        ({"text": " ".join(f"w{n}" for n in range(65))}, "at most 64 words in a sentence"),
        (
            {"text": "\n".join(" ".join(f"w{60 * line + n}" for n in range(60)) for line in range(9))},
            "512 different words",
        ),
        (
            {"text": "\n".join([" ".join("abcdefgh")] * 200), "steps": 100_000, "n_layers": 8, "n_heads": 16},
            "one run must take",
        ),
        ({"text": 5}, "must be text"),
        ({"optimizer": "lbfgs"}, "optimizer must be one of"),
    ],
)
def test_an_experiment_beyond_the_labs_limits_is_answered_in_a_sentence(fields, said):
    with pytest.raises(hl.ConfigError, match=said):
        Experiment.of(fields)


# What is answered


def test_the_picture_is_the_run_that_train_gives_at_every_moment():
    found = shown({"seed": 4})
    picture = found["picture"]
    run = hl.train(hl.Corpus.notebook(), seeds=4)[0]
    moments = picture.arrays["moments"].astype(int)
    assert (moments[0], moments[-1]) == (0, 5020)
    np.testing.assert_allclose(picture.arrays["pattern"][-1, 0, 0], run.pattern(), atol=1e-6)
    np.testing.assert_allclose(picture.arrays["logits"][-1], run.logits(), atol=1e-5)
    at = len(moments) // 2
    half = hl.train(hl.Corpus.notebook(), seeds=4, snapshots=[int(moments[at])])[0].at(int(moments[at]))
    np.testing.assert_allclose(picture.arrays["logits"][at], half.logits(), atol=1e-5)
    assert picture.values["final_loss"] == pytest.approx(float(run.final_loss))
    assert picture.values["solved"] is True
    why = found["why"]
    assert [item["sentence"] for item in why.values["dependencies"]] == run.explain().sentences()
    logits = picture.arrays["logits"]
    for number, item in enumerate(why.values["dependencies"]):
        target, *rivals = (run.corpus.vocabulary.index(word) for word in (item["target"], *item["rivals"]))
        here = logits[:, item["sequence"], item["place"]]
        difference = here[:, target] - here[:, rivals].mean(axis=1)
        np.testing.assert_allclose(why.arrays["source"][:, number].sum(axis=1), difference, atol=1e-4)


@pytest.mark.parametrize(("model", "n_paths"), [({"n_heads": 3}, 3), ({"n_heads": 2, "n_layers": 2}, 8)])
def test_parts_by_source_by_head_and_by_path_add_up_to_the_same(model, n_paths):
    found = shown({**FAST, **model})
    logits, why = found["picture"].arrays["logits"], found["why"]
    corpus = hl.Corpus.notebook()
    heads = model["n_heads"] * model.get("n_layers", 1)
    assert {way: parts.shape[2] - 2 for way, parts in why.arrays.items()} == {"source": 5, "head": heads} | (
        {"path": n_paths} if "n_layers" in model else {}
    )
    for number, item in enumerate(why.values["dependencies"]):
        assert {way: len(parts) for way, parts in item["parts"].items() if way != "source"} == {
            way: parts.shape[2] for way, parts in why.arrays.items() if way != "source"
        }
        here = logits[:, item["sequence"], item["place"]]
        target, *rivals = (corpus.vocabulary.index(word) for word in (item["target"], *item["rivals"]))
        difference = here[:, target] - here[:, rivals].mean(axis=1)
        for parts in why.arrays.values():
            np.testing.assert_allclose(parts[:, number].sum(axis=1), difference, atol=1e-4)


def test_what_a_last_head_writes_is_lost_when_the_head_is_zeroed():
    run = hl.train(hl.Corpus.notebook(), hl.ModelConfig(n_heads=3), hl.TrainConfig.of(steps=200), seeds=4)[0]
    frame = {frame.kind: frame for frame in Recording.of(run).frames()}["why"]
    for head in range(3):
        rows = run.ablate(f"head:0.{head}").table()
        zero = rows[rows.kind == "zero"].iloc[0]
        given = frame.arrays["head"][-1, 0, 2 + head]
        assert given == pytest.approx(zero.difference_before - zero.difference_after, abs=1e-5)


def test_a_run_that_diverged_and_a_corpus_without_dependencies_are_shown_all_the_same():
    wild = shown({"learning_rate": 50.0, **FAST})
    assert "diverged" in wild["picture"].values["outcome"]
    assert "nothing to explain" in wild["why"].values["none"]
    plain = shown({"text": "a b c", **FAST})
    assert plain["why"].values["none"]
    assert frames_of(work.seeds, Experiment.of({"text": "a b c", **FAST}))["seeds"].values["mechanism"] == [""] * 64


@pytest.mark.parametrize(
    "fields",
    [
        {"n_heads": 3, "n_layers": 2},
        {"unembed": True, "d_model": 9, "factored_values": True},
        {"residual": False, "positions": False, "causal": False},
        {"loss": "normalized_sigmoid", "optimizer": "adam"},
        {"text": "a b\na c d e\nf"},
        {"steps": 1},
    ],
)
def test_every_kind_of_model_has_its_picture(fields):
    found = shown({**FAST, **fields})
    assert found["picture"].arrays["pattern"].shape[1:3] == (fields.get("n_layers", 1), fields.get("n_heads", 1))
    assert "why" in found


def test_seeds_and_sizes_are_those_of_train():
    experiment = Experiment.of({"seed": 70, **FAST})
    found = frames_of(work.seeds, experiment)["seeds"]
    runs = hl.train(experiment.corpus, experiment.model, experiment.training, seeds=range(64, 128), record="none")
    assert found.values["seed"] == list(range(64, 128))
    assert found.values["solved"] == runs.solved().tolist()
    np.testing.assert_array_equal(found.arrays["loss"], runs.final_loss)
    rows = []
    for number in range(2):
        rows = frames_of(work.sizes, experiment, number, [row[:3] for row in rows])["sizes"].values["rows"]
    eighty = hl.train(experiment.corpus, hl.ModelConfig(d_head=20), experiment.training, seeds=range(80), record="none")
    assert [row[:3] for row in rows if row[0] == 20] == [[20, int((eighty.grade() == "solved").sum()), 80]]


FORKS = [
    {"fork": 1000, "learning_rate": 0.002},
    {"fork": 1000, "optimizer": "adam"},
    {"fork": 7, "before": '{"optimizer": "rmsprop", "schedule": "constant"}', "momentum": 0.9},
]


@pytest.mark.parametrize("fields", FORKS)
def test_a_fork_is_one_history_and_its_python_trains_it(fields):
    experiment = Experiment.of({"seed": 9, "steps": 1500, **fields})
    found = frames_of(work.picture, experiment)
    moments = found["picture"].arrays["moments"].astype(int)
    assert (moments[0], moments[-1], experiment.training.steps) == (0, 1500, 1500)
    code = python_code(experiment)
    space = {}
    exec(compile(code.replace("print(", "str("), "run.py", "exec"), space)
    np.testing.assert_allclose(found["picture"].arrays["logits"][-1], space["run"].logits(), atol=1e-6)
    weights = load(base64.b64decode(frames_of(work.weights, experiment)["weights"].values["base64"]))
    np.testing.assert_array_equal(weights["W_Q"], space["run"].runs.params.W_Q[0])


def test_a_fork_that_changes_nothing_at_a_constant_rate_is_the_run_to_the_bit():
    plain = {"seed": 9, "steps": 600, "schedule": "constant", "momentum": 0.5}
    whole = frames_of(work.picture, Experiment.of(plain))["picture"]
    before = json.dumps({name: plain[name] for name in ("steps", "schedule", "momentum")})
    forked = frames_of(work.picture, Experiment.of({**plain, "fork": 150, "before": before}))["picture"]
    np.testing.assert_array_equal(forked.arrays["logits"][-1], whole.arrays["logits"][-1])
    np.testing.assert_array_equal(forked.arrays["loss"], whole.arrays["loss"])


@pytest.mark.parametrize("fork", [7, 10, 700, 1495])
def test_a_fork_that_changes_nothing_of_the_notebooks_schedule_is_the_run_to_the_bit(fork):
    plain = {"seed": 9, "steps": 1500, "schedule": "plateau"}
    whole, forked = (Experiment.of(fields).train([9, 12]) for fields in (plain, {**plain, "fork": fork}))
    np.testing.assert_array_equal(forked.params.flat(), whole.params.flat())
    np.testing.assert_array_equal(forked.history.state.rate, whole.history.state.rate)


@pytest.mark.parametrize("before", ["[]", "nonsense", '{"d_head": 3}', '{"steps": 0}', "[" * 5000, '["steps"]'])
def test_settings_before_a_fork_that_make_no_sense_are_said(before):
    with pytest.raises(hl.ConfigError, match=r"before must|steps must"):
        Experiment.of({"fork": 10, "before": before})


@pytest.mark.parametrize("fork", [0, 200, 1.5, True, "3", -1])
def test_a_fork_must_be_inside_of_the_training(fork):
    with pytest.raises(hl.ConfigError, match="fork must"):
        Experiment.of({"steps": 200, "fork": fork})


def test_the_notebooks_schedule_is_the_standard_one():
    assert Experiment.of({}).training == hl.TrainConfig()
    assert Experiment.of({"schedule": "constant"}).training == hl.TrainConfig.of(steps=5020)


def test_steps_alone_mean_in_a_link_what_they_mean_everywhere():
    assert Experiment.of({"steps": 1000}).training == hl.TrainConfig.of(steps=1000)
    reduced = Experiment.of({"steps": 1000, "schedule": "plateau"}).training
    assert reduced == hl.TrainConfig.of(steps=1000, schedule="plateau")


def test_the_page_is_told_every_field_with_what_it_may_be_in_the_lab():
    rows = {row["name"]: row for row in frames_of(work.hello, Experiment.of({}))["hello"].values["fields"]}
    model, training = ({row.name for row in record.table()} for record in (hl.ModelConfig, hl.TrainConfig))
    assert rows.keys() == model | training - {"dtype"}
    assert (rows["d_head"]["low"], rows["d_head"]["high"], rows["init_scale"]["high"]) == (1, 1024, None)
    assert rows["schedule"]["choices"] == ["plateau", "constant"]
    assert rows["beta_1"]["optimizers"] == ["adam", "adamw"]


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_figure_is_drawn_of_any_moment(kind, start):
    what = {"format": kind, "moment": 3, "output": "probs"}
    found = frames_of(work.figure, Experiment.of(FAST), what)["figure"].values
    assert base64.b64decode(found["base64"]).startswith(start)
    with pytest.raises(hl.ConfigError, match="format"):
        list(work.figure(Experiment.of(FAST), {"format": "exe"}))


def test_trials_are_those_of_the_library():
    experiment = Experiment.of({"seed": 4})
    run = hl.train(hl.Corpus.notebook(), seeds=4)[0]
    asked = [({"part": "source:man"}, run.ablate("source:man")), ({"patch": "v"}, run.patch("v"))]
    asked.append(({"row": {"0": 0.5, "1": 0.5}}, run.set_pattern({0: 0.5, 1: 0.5})))
    for what, effects in asked:
        rows = frames_of(work.trial, experiment, what)["trial"].values["rows"]
        assert [row["difference_after"] for row in rows] == pytest.approx(effects.table()["difference_after"].tolist())
    with pytest.raises(hl.SelectionError, match="cat"):
        list(work.trial(experiment, {"part": "source:cat"}))


def test_the_python_that_is_given_trains_the_same_run(tmp_path):
    for fields in ({"seed": 9}, {"text": "a 'b' c\nd \"b\" e", "optimizer": "adam", "steps": 60, "seed": 3}):
        experiment = Experiment.of(fields)
        found = frames_of(work.weights, experiment)["weights"].values
        space = {}
        exec(compile(found["python"].replace("print(", "str("), "run.py", "exec"), space)
        np.testing.assert_array_equal(
            space["run"].runs.params.W_Q, load(base64.b64decode(found["base64"]))["W_Q"][None]
        )


def test_a_frame_survives_its_journey():
    sent = Frame(
        "a", {"x": float("nan"), "y": [1, {"z": np.float32(2)}], "words": "日本"}, {"m": np.arange(6).reshape(2, 3)}
    )
    got = decode(encode(sent, id=3))
    assert got.values == {"x": None, "y": [1, {"z": 2.0}], "words": "日本", "id": 3}
    np.testing.assert_array_equal(got.arrays["m"], sent.arrays["m"])


# Who is served next


class Slow:
    """A trainer that works until it is told to stop."""

    def __init__(self):
        self.began, self.given_up, self.now = [], [], asyncio.Event()

    async def start(self):
        pass

    async def run(self, kind, fields, more, answer, send):
        self.began.append(kind)
        self.now.clear()
        await self.now.wait()
        if kind not in self.given_up[-1:]:
            send(encode(Frame(kind, {"round": 0, "rounds": 1}), id=answer))

    def finish(self):
        self.given_up.append("")
        self.now.set()

    def cancel(self):
        self.given_up.append(self.began[-1])
        self.now.set()

    def close(self):
        pass


def desk_with(story):
    async def told():
        trainers = Slow(), Slow()
        desk, sent = Desk(trainers), []
        page = Page(lambda data: sent.append(decode(data).kind))
        desk.pages.add(page)

        async def rest():
            for _ in range(20):
                await asyncio.sleep(0)

        await rest()
        await story(desk, page, *trainers, sent, rest)
        await desk.close()

    asyncio.run(told())


def test_pictures_go_to_the_first_trainer_and_what_nobody_waits_for_makes_way():
    async def story(desk, page, first, second, sent, rest):
        await desk.show(page, {"d_head": 1}, 1)
        await rest()
        assert (first.began, second.began) == (["picture"], [])
        first.finish()
        await rest()
        assert (first.began, second.began) == (["picture", "why"], ["seeds"])
        second.finish()
        await rest()
        assert second.began == ["seeds", "sizes"]
        await desk.show(
            page, {"d_head": 1, "seed": 1}, 2
        )  # of the same seeds: head sizes are put off, reasons given up
        await rest()
        assert (first.began, second.began) == (["picture", "why", "picture"], ["seeds", "sizes"])
        first.finish()
        await rest()
        assert second.began == ["seeds", "sizes", "sizes"]
        assert sent == ["picture", "seeds", "picture"]

    desk_with(story)


def test_what_somebody_asked_for_is_not_put_off():
    async def story(desk, page, first, second, sent, rest):
        await desk.ask(page, "report", {}, {}, 1)
        await rest()
        await desk.show(page, {}, 2)
        await rest()
        assert (first.began, second.began) == (["picture"], ["report"])
        second.finish()
        await rest()
        assert sent == ["report"]

    desk_with(story)


def test_two_pictures_are_trained_side_by_side():
    async def story(desk, page, first, second, sent, rest):
        other = Page(lambda data: None)
        desk.pages.add(other)
        for one in (page, other):
            await desk.show(one, {}, 1)
        await rest()
        assert (first.began, second.began) == (["picture"], ["picture"])

    desk_with(story)


# Who is refused


def asked_with(host="127.0.0.1:80", kind="http", path="/live", method="GET", **headers):
    pairs = [] if host is None else [(b"host", host.encode("latin-1"))]
    pairs += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": kind, "path": path, "method": method, "headers": pairs}


GUARD = Guard(None, ["127.0.0.1:80", "localhost:80"], TOKEN, "headlab_80")
KNOWN = {"x_headlab_token": TOKEN}


@pytest.mark.parametrize(
    "host",
    [
        None, "", "127.0.0.1", "127.0.0.1:81", "127.0.0.1.evil:80", "127.evil.example:80", "10.evil.example:80",
        "localhost.evil:80", "localhost:80@evil", "evil@localhost:80", "0.0.0.0:80", "[::ffff:127.0.0.1]:80", "2130706433:80",
        "0x7f.1:80", "localhost.:80", "LOCALHOST:80", "127.0.0.1:80/path", " 127.0.0.1:80", "127.0.0.1:80 ", "127.1:80",
        "rebind.test:80", "evil.example", "127.0.0.1:080",
        "http://127.0.0.1:80", "localhost:80:80", "[::1]:80", "127.0.0.1:80,evil",
    ],
)  # fmt: skip
def test_a_foreign_host_is_refused_whatever_else_it_carries(host):
    for kind, path in itertools.product(("http", "websocket"), ("/", "/live", "/assets/x.js", "/nothing")):
        origin = {} if host is None else {"origin": f"http://{host.strip()}"}
        assert GUARD.refusal(asked_with(host, kind, path, **KNOWN, **origin)) is not None


def test_two_host_headers_are_refused():
    scope = asked_with(**KNOWN)
    scope["headers"].append((b"host", b"127.0.0.1:80"))
    assert GUARD.refusal(scope) is not None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://127.0.0.1:81",
        "https://127.0.0.1:80",
        "http://localhost:80",
        "file://",
        "",
    ],
)
def test_a_foreign_origin_is_refused_before_a_socket_is_accepted(origin):
    assert GUARD.refusal(asked_with(kind="websocket", origin=origin, **KNOWN)) is not None
    assert GUARD.refusal(asked_with(kind="websocket", origin="http://127.0.0.1:80", **KNOWN)) is None
    assert GUARD.refusal(asked_with(kind="websocket", **KNOWN)) is not None  # no origin: no browser's page


def test_without_the_token_only_the_pages_files_are_there():
    for path in ("/live", "/", "/assets/page.js", "/session", "/nothing", "/assets/../live", "/assets"):
        public = path in ("/", "/session", "/assets/page.js")
        assert (GUARD.refusal(asked_with(path=path)) is None) is public, path
        assert GUARD.refusal(asked_with(path=path, x_headlab_token="wrong")) is None if public else True
        assert GUARD.refusal(asked_with(path=path, cookie=f"headlab_80={TOKEN}")) is None
        assert (GUARD.refusal(asked_with(path=path, cookie=f"headlab_81={TOKEN}")) is None) is public
        assert (GUARD.refusal(asked_with(path=path, cookie="headlab_80=wrong")) is None) is public
    assert GUARD.refusal(asked_with(sec_fetch_site="cross-site", **KNOWN)) is not None
    opened = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert GUARD.refusal(asked_with(path="/", **opened)) is None
    assert GUARD.refusal(asked_with(path="/", **{**opened, "sec_fetch_dest": "iframe"})) is not None


# The server, on loopback


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets" / "a.js").write_text("1")
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    app = application([f"127.0.0.1:{port}"], TOKEN, trainers=2, page=folder)
    config = uvicorn.Config(
        app, log_level="warning", ws_max_size=MOST_BYTES, ws_per_message_deflate=False, timeout_graceful_shutdown=1
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not running.started and time.monotonic() < deadline:
        time.sleep(0.02)
    running.app, running.port = app.app, port
    yield running
    running.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def fetch(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def test_every_route_is_guarded_and_every_answer_carries_the_headers(server):
    routes = {getattr(route, "path", "") for route in server.app.routes}
    assert routes == {"/", "/session", "/live", "/assets"}  # a new one must be thought about here
    for path in ("/", "/session", "/assets/a.js", "/assets/none.js", "/live", "/none", "/assets/..%2findex.html"):
        for headers in ({}, {"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            status, given, _ = fetch(server, path, **headers)
            assert {name: given.get(name) for name in HEADERS} == HEADERS, path
            if headers:
                assert status == 403
    assert fetch(server, "/")[0] == fetch(server, "/assets/a.js")[0] == 200
    assert fetch(server, "/none")[0] == 403
    assert fetch(server, "/session", "POST")[0] == 403
    status, given, _ = fetch(server, "/session", "POST", X_Headlab_Token=TOKEN)
    assert status == 204
    assert "HttpOnly" in given["set-cookie"]
    assert "SameSite=strict" in given["set-cookie"]


@contextlib.asynccontextmanager
async def page_on(server):
    origin, cookie = f"http://127.0.0.1:{server.port}", f"headlab_{server.port}={TOKEN}"
    address, headers = f"ws://127.0.0.1:{server.port}/live", {"Cookie": cookie}
    async with websockets.connect(address, origin=origin, additional_headers=headers, max_size=None) as socket_:

        async def until(*kinds, number=None):
            seen = {}
            async with asyncio.timeout(120):
                while not set(kinds) <= set(seen):
                    frame = decode(await socket_.recv())
                    if number is None or frame.values["id"] in (0, number):
                        seen[frame.kind] = frame
            return seen

        async def ask(ask, number, fields=None, more=None):
            await socket_.send(json.dumps({"ask": ask, "id": number, "fields": fields or {}, "more": more or {}}))

        yield socket_, ask, until


async def eventually(holds):
    async with asyncio.timeout(120):
        while not holds():
            await asyncio.sleep(0.02)


def test_a_page_is_told_everything_in_order(server):
    async def visit():
        async with page_on(server) as (_, ask, until):
            hello = (await until("hello"))["hello"].values
            assert hello["notebook"] == notebook_fields()
            await ask("show", 1, {"seed": 4})
            seen = await until("picture", "why", "seeds", "sizes")
            assert next(iter(seen)) == "picture"
            assert seen["picture"].values["seed"] == 4
            await ask("trial", 2, {"seed": 4}, {"part": "source:man"})
            assert len((await until("trial", number=2))["trial"].values["rows"]) == 4
            await ask("show", 3, {"d_head": 0})
            assert "d_head" in (await until("problems", number=3))["problems"].values["problems"][0]["text"]
            more = await until("sizes")
            assert more["sizes"].values["round"] >= 1  # goes on by itself

    asyncio.run(visit())


def test_what_is_no_message_is_said_and_the_page_goes_on(server):
    async def visit():
        async with page_on(server) as (socket_, ask, until):
            deep = json.dumps({"ask": "show", "id": 1, "fields": {"seed": 0}}).replace("0", "[" * 900 + "]" * 900)
            for text in (
                "",
                "{",
                "[]",
                "7",
                deep,
                '{"ask": "exec"}',
                '{"ask": "show", "id": "x", "fields": {}}',
                "[" * 5000,
            ):
                await socket_.send(text)
                assert "A message must be JSON" in (await until("problems"))["problems"].values["problems"][0]["text"]
            await ask("show", 5, {"steps": 20})
            await until("picture", number=5)

    asyncio.run(visit())


def test_a_message_that_is_too_long_closes_only_its_own_page(server):
    async def visit():
        async with page_on(server) as (_, ask, until), page_on(server) as (loud, _, _):
            await loud.send("x" * (MOST_BYTES + 1))
            await loud.wait_closed()
            assert loud.close_code == 1009
            await ask("show", 5, {"steps": 20})
            await until("picture", number=5)

    asyncio.run(visit())


def kill_trainers(server):
    for trainer in server.app.state.desk.trainers:
        process = trainer._process
        process.kill()
        process.join()


def test_a_killed_trainer_is_replaced_and_the_page_stays(server):
    async def visit():
        async with page_on(server) as (_, ask, until):
            await ask("show", 1, {"steps": 20})
            await until("picture", number=1)
            kill_trainers(server)
            await ask("show", 2, {"steps": 20, "seed": 2})
            await until("picture", number=2)
            await ask("show", 3, {"steps": 100_000, "optimizer": "adam", "d_head": 100})
            await eventually(lambda: any(job.answer == 3 for job in server.app.state.desk.running.values()))
            kill_trainers(server)
            said = await until("problems", number=3)
            assert "was started again" in said["problems"].values["problems"][0]["text"]
            await ask("show", 9, {"steps": 20, "seed": 9})
            await until("picture", number=9)
            assert all(trainer.pid for trainer in server.app.state.desk.trainers)

    asyncio.run(visit())


def test_a_slider_that_never_rests_sees_its_last_wish_and_frees_the_trainers(server):
    async def visit():
        async with page_on(server) as (_, ask, until):
            for number in range(1, 200):
                await ask("show", number, {"d_head": 1 + number % 150, "steps": 5000})
            picture = (await until("picture", number=199))["picture"]
            assert picture.values["id"] == 199
        await eventually(lambda: not server.app.state.desk.running and not server.app.state.desk.pages)

    asyncio.run(visit())


def test_pages_are_served_in_turn(server):
    async def visit():
        async with contextlib.AsyncExitStack() as stack:
            pages = [await stack.enter_async_context(page_on(server)) for _ in range(12)]
            for number, (_, ask, _) in enumerate(pages):
                await ask("show", 1, {"seed": number})

            async def wait(page):
                found = await page[2]("picture", number=1)
                return found["picture"].values["seed"]

            assert await asyncio.gather(*map(wait, pages)) == list(range(12))

    asyncio.run(visit())


@long
def test_a_page_that_stops_reading_is_let_go_and_nobody_waits_for_it(server, monkeypatch):
    monkeypatch.setattr("headlab.lab.app.SEND_SECONDS", 0.5)

    async def visit():
        # A picture of six megabytes.
        large = {"text": "\n".join(" ".join(f"w{at + 9 * line}" for at in range(20)) for line in range(12)), "steps": 1}
        narrow = socket.socket()  # so that one picture is more than it and the server's own side of it hold
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", server.port))
        deaf = websockets.connect(
            f"ws://127.0.0.1:{server.port}/live", origin=f"http://127.0.0.1:{server.port}", max_size=None, max_queue=1,
            close_timeout=0.1, ping_interval=None, additional_headers={"Cookie": f"headlab_{server.port}={TOKEN}"},
            sock=narrow,
        )  # fmt: skip
        desk, made = server.app.state.desk, []
        others = set(desk.pages)
        async with deaf as silent:
            await eventually(lambda: desk.pages - others)
            (left,) = desk.pages - others
            send = left.send
            left.send = lambda data: (made.append(len(data)), send(data))
            async with page_on(server) as (_, ask, until):
                for number in range(1, 30):
                    with contextlib.suppress(websockets.ConnectionClosed):
                        await silent.send(
                            json.dumps({"ask": "show", "id": number, "fields": {**large, "seed": number}})
                        )
                    # However long its picture takes: asked for the next one before, it would be given up, and nothing sent.
                    await eventually(lambda: left not in desk.pages or sum(size > 1e6 for size in made) >= number)  # noqa: B023
                    await ask("show", number, {"steps": 20, "seed": number})
                    await until("picture", number=number)
                    if left not in desk.pages:
                        break
                assert left not in desk.pages
                assert len(desk.pages - others) == 1

    asyncio.run(visit())


def test_head_sizes_are_counted_whatever_becomes_of_a_seed_that_is_none(server):
    async def visit():
        async with page_on(server) as (_, ask, until):
            await ask("show", 1, {"steps": 20, "seed": -1})
            assert "seed must be" in (await until("problems"))["problems"].values["problems"][0]["text"]
            await ask("show", 2, {"steps": 20, "seed": 1})
            await until("picture", "seeds", number=2)
            await until("sizes")

    asyncio.run(visit())


@pytest.mark.parametrize("seed", [-1, 2**64, 10**20, 1.5, "x"])
def test_every_complaint_about_a_seed_that_is_none_names_it_as_it_was_asked_for(server, seed):
    async def visit():
        async with page_on(server) as (_, ask, until):
            await ask("show", 1, {"steps": 20, "seed": seed})
            for _ in ("picture", "seeds"):
                assert repr(seed) in (await until("problems"))["problems"].values["problems"][0]["text"]

    asyncio.run(visit())


@pytest.mark.skipif(not (PAGE / "index.html").exists(), reason="headlab was built without its page")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_command_ends_when_it_is_told_to_and_leaves_no_process(how):
    process = subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        address = urlsplit(re.search(r"http\S+", process.stdout.readline())[0])
        with contextlib.closing(http.client.HTTPConnection(address.hostname, address.port, timeout=30)) as link:
            link.request("GET", "/")  # answered once everything is there
            assert link.getresponse().read() == (PAGE / "index.html").read_bytes()
        process.send_signal(how)
        assert process.wait(20) in (0, -how)
        assert process.stderr.read() == ""
    deadline = time.monotonic() + 20
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.killpg(process.pid, 0)
            assert time.monotonic() < deadline
            time.sleep(0.05)
