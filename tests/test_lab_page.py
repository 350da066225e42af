"""The lab's page, used in a browser as its users do: each numbered thing it promises, by mouse, by keyboard, on a phone."""

import csv
import io
import re
from pathlib import Path
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
from browsing import NEEDED, PATIENCE
from safetensors.numpy import load
from tiers import long

import headlab as hl
from headlab.data import notebook
from headlab.report.html.lab import LAB
from headlab.report.palette import PALETTE

pytest.importorskip("playwright")
from playwright.sync_api import expect

AXE = Path(__file__).parents[1] / "web/node_modules/axe-core/axe.min.js"
pytestmark = NEEDED
NOTEBOOK = hl.Corpus.notebook()
SHOWN = 1  # the seed that the page opens with
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def lab():
    """The address of the lab's file."""
    return LAB.as_uri()


class Visit:
    """A page that is open, and what it did that it must not."""

    def __init__(self, browser, address, **options):
        options = {"viewport": {"width": 1400, "height": 900}, "reduced_motion": "reduce", **options}
        self.context = browser.new_context(**options)
        self.faults, self.requests = [], []
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.address = address
        self.page.goto(address)
        self.page.wait_for_selector("section.card h2:has-text('The head at work')")
        self.settled()

    def settled(self):
        """Wait until the picture and its reasons, where they are shown, belong to the settings."""
        expect(self.page.locator(".made")).to_contain_text("trained and drawn in")
        answer = self.page.locator("section.answer-card")
        if answer.count():
            none = answer.locator("> p.soft").filter(has_not_text=re.compile("^…$"))
            why = self.page.locator("section:not(.stale):has(#why-title)")
            expect(why.locator("svg text.value").or_(none).first).to_be_visible()
        return self.page

    def value(self, name):
        return parse_qs(urlsplit(self.page.url).fragment, keep_blank_values=True).get(name, [None])[0]

    def leave(self):
        file = self.address.partition("#")[0]
        assert [url for url in self.requests if not url.startswith((file, "blob:", "data:"))] == []
        assert self.faults == []
        self.context.close()


@pytest.fixture
def visit(lab, browser):
    made = Visit(browser, lab)
    yield made
    made.leave()


def loss(page):
    return float(re.search(r"([\d.]+)", page.locator(".facts b").first.inner_text())[1])


def expected_loss(seed=SHOWN, **model):
    return float(hl.train(NOTEBOOK, hl.ModelConfig(**model), seeds=seed, record="none")[0].final_loss)


# 1 The corpus


def test_sentences_are_edited_in_place_and_trained_at_once(visit):
    page = visit.page
    page.fill("textarea", "cat chased the mouse\ndog chased the ball")
    expect(page.get_by_role("button", name="cat … the → mouse")).to_be_visible()
    assert page.locator("section.answer-card [role=group] button").all_inner_texts() == [
        "cat … the → mouse",
        "dog … the → ball",
    ]
    expect(page.locator(".timeline .name").first).to_contain_text("0.139")
    expect(page.locator(".verdict.luck").first).to_contain_text("cat")


def test_a_problem_is_said_beside_its_line_and_the_last_model_stays(visit):
    page = visit.page
    page.fill("textarea", "man ordered the chicken\nwoman <Start> the beef")
    expect(page.locator("#text-problems")).to_contain_text("in line 2")
    assert page.locator(".gutter span").all_inner_texts() == ["1", "✗"]
    assert page.locator("textarea").get_attribute("aria-invalid") == "true"
    assert page.locator("button.word:has(bdi:text-is('ordered'))").count() == 2
    page.fill("textarea", "")
    expect(page.locator("#text-problems")).to_contain_text("at least one sentence")
    page.fill("textarea", "a b\na c")
    expect(page.locator("#text-problems")).to_have_text("")


def test_the_notebooks_sentences_typed_by_hand_are_a_text_and_the_tasks_run(visit):
    page, loss = visit.page, visit.page.locator(".facts b").first
    expect(loss).to_have_text(f"{expected_loss():.4f}")
    page.fill("textarea", f"{notebook.TEXT} soup")
    expect(loss).not_to_have_text(f"{expected_loss():.4f}")
    page.fill("textarea", notebook.TEXT)
    expect(loss).to_have_text(f"{expected_loss():.4f}")
    expect(page).to_have_url(re.compile("#task=$"))
    page.reload()
    expect(loss).to_have_text(f"{expected_loss():.4f}")
    page.get_by_label("examples").select_option("the notebook")
    expect(loss).to_have_text(f"{expected_loss():.4f}")
    expect(page).not_to_have_url(re.compile("task"))


# 2 The knobs


def test_a_slider_trains_the_model_it_stands_at(visit):
    page = visit.page
    for size in (5, 40):
        page.fill("#d_head", str(size))
        page.keyboard.press("Enter")
        expect(page.locator(".facts b").first).to_have_text(f"{expected_loss(d_head=size):.4f}")
    page.get_by_label("d_head", exact=True).first.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#d_head")).to_have_value("39")
    expect(page.locator(".facts b").first).to_have_text(f"{expected_loss(d_head=39):.4f}")


def test_every_knob_has_its_help_and_goes_back_to_the_notebook(visit):
    page = visit.page
    page.get_by_text("more settings").click()
    assert page.locator(".knob").count() >= 15
    for control in page.locator(".knob:not(.seed) :is(input, select)").all():
        told = control.get_attribute("aria-describedby").split()[-1]
        assert len(page.evaluate("(id) => document.getElementById(id).textContent", told)) > 15
    page.locator("#momentum").focus()
    expect(page.locator("p.help")).to_contain_text("How much of the last step goes on")
    page.fill("#d_head", "3")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="back to 20").click()
    expect(page.locator("#d_head")).to_have_value("20")


def test_more_settings_stay_open_while_one_of_them_changes(lab, browser):
    made = Visit(browser, lab, viewport={"width": 390, "height": 800})
    page = made.page
    page.get_by_text("more settings").click()
    page.fill("#n_layers", "2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("more settings (1 changed)")).to_be_visible()
    expect(page.locator("#n_layers")).to_be_visible()
    made.leave()


def test_undo_redo_and_reset(visit):
    page = visit.page
    page.get_by_role("button", name="next seed").click()
    visit.settled()
    page.fill("#d_head", "7")
    page.keyboard.press("Enter")
    visit.settled()
    page.get_by_role("button", name="undo", exact=True).click()
    expect(page.locator("#d_head")).to_have_value("20")
    page.get_by_role("button", name="undo", exact=True).click()
    expect(page.locator("#seed")).to_have_value(str(SHOWN))
    page.get_by_role("button", name="redo").click()
    expect(page.locator("#seed")).to_have_value(str(SHOWN + 1))
    page.get_by_role("button", name="reset").click()
    expect(page.locator("#seed")).to_have_value(str(SHOWN))


def test_a_setting_that_makes_no_sense_is_said_beside_it(visit):
    page = visit.page
    page.fill("#d_head", "0")
    page.keyboard.press("Enter")
    expect(page.locator(".knob:has(#d_head) [role=alert]")).to_contain_text("d_head must be")
    assert loss(page) == pytest.approx(expected_loss(), abs=1e-4)
    page.get_by_role("button", name="undo").click()
    for text, hint in (("abc", "must be a whole number"), ("2,5", "write 2.5"), ("", "Nothing is no number")):
        page.fill("#d_head", text)
        page.keyboard.press("Enter")
        expect(page.locator(".knob:has(#d_head) [role=alert]")).to_contain_text(hint)
        expect(page.locator("#d_head")).to_have_value("20")
    page.evaluate("location.hash = '#d_head=20'")  # the same, and what was refused is over
    expect(page.locator(".knob:has(#d_head) [role=alert]")).to_have_text("")


def test_where_no_worker_can_start_the_page_works_itself_and_is_never_held_up(lab, browser):
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script("delete window.Worker")
    page.goto(f"{lab}#d_head=5&numerics=2")
    expect(page.locator(".facts b").first).to_have_text(f"{expected_loss(d_head=5):.4f}")
    page.get_by_role("button", name=re.compile("1 man: .*, ablate it")).click()
    expect(page.get_by_role("table", name="without “man”").locator("tbody tr")).to_have_count(4)
    large = "\n".join(" ".join(f"w{(7 * line + at * at) % 100}" for at in range(30)) for line in range(40))
    page.evaluate("address => location.hash = address", f"#text={quote_plus(large)}&n_layers=8&n_heads=16&steps=2")
    expect(page.get_by_text("a step must take at most 0.1 s in this browser")).to_be_visible()
    expect(page.locator("code", has_text="headlab train '#text=w0+w1")).to_be_visible()
    context.close()


# 3 The head at work


def test_pattern_and_predictions_are_those_of_the_library(visit):
    page, run = visit.page, hl.train(NOTEBOOK, seeds=SHOWN)[0]
    labels = [cell.get_attribute("aria-label") for cell in page.locator(".cell").all()]
    shown = [float(re.search(r": ([\d.]+)", label)[1]) for label in labels]
    expected = [run.pattern()[s, q, k] for s in range(2) for q in range(5) for k in range(q + 1)]
    assert shown == pytest.approx(expected, abs=6e-4)
    bars = page.locator("li.target").all_inner_texts()
    for text, (sequence, token) in zip(bars, ((0, "chicken"), (1, "beef")), strict=True):
        value = run.probs()[sequence, 3, NOTEBOOK.vocabulary.index(token)]
        assert re.split(r"\s+", text.strip())[:2] == [token, f"{value:.2f}"[1:]]
    page.get_by_role("button", name="sigmoid", exact=True).first.click()
    output = run.sigmoid()[0, 3, NOTEBOOK.vocabulary.index("chicken")]
    expect(page.locator("li.target").first).to_contain_text(f"{output:.2f}")


def test_a_chosen_word_brings_its_arcs_forward(visit):
    page = visit.page
    arcs = page.locator(".arcs svg").first
    assert "“the” looks at" in arcs.get_attribute("aria-label")
    page.locator("button.word:has(bdi:text-is('ordered'))").first.click()
    expect(arcs).to_have_attribute("aria-label", re.compile("“ordered” looks at <Start> 0.06, man 0.36"))
    assert arcs.locator("path").count() >= 1


# 4 The timeline


def test_scrubbing_moves_everything_and_two_moments_stand_side_by_side(visit):
    page = visit.page
    page.get_by_role("button", name="compare", exact=True).click()
    page.get_by_label("moment of the training").focus()
    page.keyboard.press("Home")
    expect(page.locator("section", has=page.locator("#head-title"))).to_contain_text("step 0")
    expect(page.locator("h3", has_text="Contributions")).to_contain_text("step 0")
    assert page.locator(".sentence").count() == 4
    expect(page.locator("section.answer-card")).to_contain_text("of the end of training")
    expect(page.locator(".facts")).to_contain_text("loss at the end")
    start = hl.train(NOTEBOOK, seeds=SHOWN, snapshots=[0])[0].at(0).pattern()[0, 3]
    first = page.locator(".sentence").first.locator("tr.chosen .cell").all()
    shown = [float(re.search(r": ([\d.]+)", cell.get_attribute("aria-label"))[1]) for cell in first]
    assert shown == pytest.approx(start[: len(shown)].tolist(), abs=6e-4)
    page.get_by_role("button", name="play").click()
    expect(page.get_by_role("button", name="pause")).to_be_visible()
    page.get_by_role("button", name="to the end").click()


def test_a_fork_changes_what_comes_after_it_alone(visit):
    page = visit.page
    slider = page.get_by_label("moment of the training")
    slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="fork here").click()
    page.fill("#learning_rate", "0.1")
    page.keyboard.press("Enter")
    expect(page.locator(".fork")).to_have_count(1)
    visit.settled()
    expect(page.locator(".facts b").first).not_to_have_text(f"{expected_loss():.4f}")
    page.get_by_role("button", name="undo", exact=False).last.click()
    expect(page.locator(".facts b").first).to_have_text(f"{expected_loss():.4f}")
    assert page.locator("#learning_rate").input_value() == "0.01"


# 5 Why


def test_contributions_sum_to_the_logit_difference_and_the_sentence_is_the_librarys(visit):
    page = visit.page
    values = [
        float(text.replace("−", "-"))
        for text in page.locator("section:has(#why-title) svg text.value").all_text_contents()
    ]
    assert sum(values[:-1]) == pytest.approx(values[-1], abs=0.05)
    sentences = hl.train(NOTEBOOK, seeds=SHOWN)[0].explain().sentences()
    assert page.locator(".answer p").first.inner_text().replace("\xa0", " ") == sentences[0]
    page.get_by_role("button", name="woman … the → beef").click()
    expect(page.locator(".answer p").first).to_have_text(sentences[1].replace(" %", "\xa0%"))


def test_a_part_that_is_clicked_is_ablated_in_four_ways(visit):
    page = visit.page
    page.get_by_role("button", name=re.compile("1 man: .* ablate it")).click()
    table = page.locator("section:has(#why-title) table.trial")
    expect(table.locator("tbody tr")).to_have_count(4)
    effects = hl.train(NOTEBOOK, seeds=SHOWN)[0].ablate("source:1", sequence=0, position=3).table()
    for row, (_, effect) in zip(table.locator("tbody tr").all(), effects.iterrows(), strict=True):
        expected = f"{effect['difference_after']:+.2f}".replace("-", "−")
        assert expected in row.inner_text()
        assert (f"“{effect['predicts']}”" in row.inner_text()) == effect["flips"]
        assert ("the same" in row.inner_text()) != effect["flips"]
    page.get_by_role("button", name="the looks at man:").first.click()
    expect(page.locator("div.sentence").first.locator("div.trial h3")).to_contain_text("the → 1 man")
    expect(table).to_have_count(0)  # it stands where the click was
    page.get_by_role("button", name="v", exact=True).click()
    expect(table.locator("tbody tr").first).to_be_visible()
    page.get_by_role("button", name="row by hand").click()
    page.locator(".hand input").first.fill("1")
    expect(page.locator("div.trial h3")).to_contain_text("pattern")


def test_heads_and_paths_have_their_parts_too_and_are_ablated_by_themselves(visit):
    page = visit.page
    page.get_by_text("more settings").click()
    page.fill("#n_heads", "2")
    page.keyboard.press("Enter")
    page.fill("#n_layers", "2")
    page.keyboard.press("Enter")
    bars = page.locator("section:has(#why-title) svg g")
    for way, count in (("by path", 2 + 8 + 1), ("by head", 2 + 4 + 1)):
        page.get_by_role("button", name=way).click()
        expect(bars).to_have_count(count)
        values = [float(text.replace("−", "-")) for text in bars.locator(".value").all_text_contents()]
        assert sum(values[:-1]) == pytest.approx(values[-1], abs=0.01 * count)
    page.get_by_role("button", name=re.compile("head 1.1: .* ablate it")).click()
    expect(page.locator("div.trial h3")).to_have_text("without head 1.1")
    page.locator("label", has_text="layer 01").locator("select").select_option("1")
    page.get_by_role("button", name="the looks at man:").first.click()
    expect(page.locator("div.trial h3")).to_have_text(re.compile("without edge .* of head 1.0"))


def test_the_circuits_are_there_in_words(visit):
    page = visit.page
    page.get_by_text("The head in words").click()
    assert page.locator("table.circuit").count() >= 4
    assert page.locator("table.circuit caption").first.inner_text().startswith("QK")


# 6 Many seeds


def test_sixty_four_seeds_are_shown_and_any_of_them_opens(visit):
    page = visit.page
    expect(page.locator(".mini")).to_have_count(64)
    solved = int((hl.train(NOTEBOOK, seeds=range(64), record="none").grade() == "solved").sum())
    expect(page.locator("section:has(#seeds-title)")).to_contain_text(f"{solved} of 64")
    page.get_by_label(re.compile("^seed 17, ")).click()
    expect(page.locator(".facts b").first).to_have_text(f"{expected_loss(17):.4f}")
    page.get_by_label("sorted by", exact=False).locator("xpath=self::select").select_option("seed")
    assert page.locator(".mini").first.get_attribute("aria-label").startswith("seed 0,")


def test_a_mechanism_has_the_palettes_colour(visit):
    page, shown = visit.page, set()
    expect(page.locator(".mini")).to_have_count(64)
    assert page.locator(".legend li").count() > 2
    for item in page.locator(".legend li").all():
        name = next(name for name in PALETTE if name in item.inner_text())
        color = item.locator(".swatch").evaluate("(swatch) => getComputedStyle(swatch).backgroundColor")
        assert color == "rgb({}, {}, {})".format(*bytes.fromhex(PALETTE[name].color[1:])), name
        shown.add(color)
    lines = page.locator(".mini > span").evaluate_all(
        "(lines) => lines.map((line) => [getComputedStyle(line).borderBottomColor, getComputedStyle(line).opacity])"
    )
    assert {tuple(line) for line in lines} == {(color, "1") for color in shown}  # a run that is not solved, too


def test_the_head_size_question_fills_up_with_seeds_and_has_an_answer(visit):
    page = visit.page
    expect(page.get_by_label("seeds trained")).to_be_visible()
    section = page.locator("section:has(#sizes-title)")
    expect(section).to_contain_text(re.compile(r"(80|1[26]0|[2-9]\d0) seeds each"))
    expect(section).to_contain_text("d_head")
    assert page.locator(".size").count() == 5
    expect(section.locator(".tag")).to_have_text("so far")  # an answer that still changes says so
    page.get_by_role("button", name=re.compile("^d_head 1: ")).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#d_head")).to_have_value("1")


# 7 Keeping it


def saved(page, name):
    page.locator("summary", has_text="save").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile(rf"^{name}\b")).click()
    return Path(download.value.path()).read_bytes(), download.value.suggested_filename


def test_the_link_is_the_experiment(visit, browser, lab):
    page = visit.page
    page.fill("textarea", "cat chased the mouse\ndog chased the ball")
    page.fill("#d_head", "6")
    page.keyboard.press("Enter")
    page.get_by_label("moment of the training").focus()
    page.keyboard.press("ArrowLeft")
    visit.settled()
    page.wait_for_timeout(400)
    assert visit.value("d_head") == "6"
    other = Visit(browser, f"{lab}#{urlsplit(page.url).fragment}&hide=seeds,optimizer")
    assert other.page.locator("textarea").input_value() == "cat chased the mouse\ndog chased the ball"
    assert loss(other.page) == loss(page)
    assert other.page.locator("span.step").inner_text() == page.locator("span.step").inner_text()
    assert other.page.locator("#seeds-title").count() == other.page.locator("#optimizer").count() == 0
    other.leave()


def test_what_is_saved_is_the_run_on_the_page(visit):
    page = visit.page
    run = hl.train(NOTEBOOK, seeds=SHOWN)[0]
    data, name = saved(page, "weights")
    assert name == f"headlab-notebook-d20-seed{SHOWN}.safetensors"
    assert (load(data)["W_Q"] == run.runs.params.W_Q[0]).all()
    code, _ = saved(page, "Python")
    space = {}
    exec(compile(code.decode().replace("print(", "str("), "run.py", "exec"), space)
    assert float(space["run"].final_loss) == float(run.final_loss)
    table = list(csv.DictReader(io.StringIO(saved(page, "table")[0].decode())))
    shown = [float(row["value"]) for row in table if row["kind"] == "attention"][:5]
    assert shown == pytest.approx(run.pattern()[0, 0].tolist(), abs=1e-5)
    drawn, name = saved(page, "figure, SVG")
    assert (drawn[:5], name) == (b"<svg ", f"headlab-notebook-d20-seed{SHOWN}.svg")
    assert f"seed {SHOWN}, d_head 20, step 5,020, loss {run.final_loss:.3f}" in drawn.decode()
    assert saved(page, "figure, PNG")[0].startswith(b"\x89PNG")
    report = saved(page, "report")[0].decode()
    assert "How does a head know" in report


# For people


def test_the_keyboard_moves_seed_step_and_word(visit):
    page = visit.page
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#seed")).to_have_value(str(SHOWN + 1))
    visit.settled()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") > 0  # as anywhere
    page.locator("button.word[tabindex='0']").first.focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".arcs svg").first).to_have_attribute("aria-label", re.compile("“ordered” looks"))
    page.keyboard.press(",")
    expect(page.get_by_role("button", name="to the end")).to_be_visible()
    page.keyboard.press(".")
    page.keyboard.press("ArrowRight")
    assert "ordered looks at <Start>" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    expect(page.locator("div.trial")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.locator("#seed")).to_have_value(str(SHOWN))


def test_everything_that_can_be_clicked_can_be_reached_by_tab_and_shows_it(visit):
    page = visit.page
    seen, stops = set(), 0
    for _ in range(120):
        page.keyboard.press("Tab")
        at = page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.tagName, e.getAttribute('aria-label') || e.textContent.slice(0, 20),"
            " s.outlineStyle !== 'none' || e.closest('.editor') !== null] }"
        )
        if at[0] == "BODY":
            break
        stops += 1
        seen.add(repr(at))
    assert 40 < stops < 80
    assert not [item for item in seen if item.endswith("False]")]
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="skip to the answer")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#answer-title")).to_be_focused()


def test_a_word_is_explained_by_hand_and_by_key_and_escape_takes_it_away(visit):
    page = visit.page
    page.get_by_role("button", name="value-coded").first.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("what it reads differs")
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_have_count(0)
    page.get_by_role("button", name="bigram floor").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("current token only")
    page.get_by_role("tooltip").hover()  # it stays while it is pointed at, and no longer
    page.wait_for_timeout(300)
    expect(page.get_by_role("tooltip")).to_be_visible()
    page.mouse.move(700, 880)
    expect(page.get_by_role("tooltip")).to_have_count(0)


def test_the_menu_closes_with_escape_and_with_a_click_elsewhere(visit):
    page = visit.page
    menu, first = page.locator("summary", has_text="save"), page.get_by_role("button", name="report")
    for close in (lambda: page.keyboard.press("Escape"), lambda: page.locator("h1").click()):
        menu.click()
        expect(first).to_be_visible()
        close()
        expect(first).to_be_hidden()


def test_a_lesson_hides_what_it_hides_everywhere_and_is_reset_to_itself(lab, browser):
    made = Visit(browser, f"{lab}#d_head=3&seed=5&hide=why,seed")
    page = made.page
    assert page.locator("#seed, section.answer-card, #why-title, .facts .swatch, button.cell").count() == 0
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    page.fill("#d_head", "4")
    page.keyboard.press("Enter")
    made.settled()
    page.get_by_role("button", name="reset").click()
    expect(page.locator("#d_head")).to_have_value("3")
    made.settled()
    page.wait_for_timeout(300)
    assert (made.value("seed"), made.value("d_head")) == ("5", "3")
    made.leave()


# Both schemes and both widths are in the sample.
@pytest.mark.parametrize(
    ("scheme", "width"),
    [("light", 1400), ("dark", 390), *(pytest.param(*both, marks=long) for both in (("dark", 1400), ("light", 390)))],
)
def test_axe_finds_no_violation(lab, browser, scheme, width):
    if not AXE.exists():
        pytest.skip("axe-core is not installed in web/node_modules")
    made = Visit(browser, lab, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = made.page
    page.wait_for_selector("progress")
    page.get_by_role("button", name=re.compile("1 man: .* ablate it")).click()
    page.wait_for_selector("table.trial")
    page.get_by_text("The head in words").click()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((done) => done.violations)")
    told = [f"{item['id']}: {[node['html'][:120] for node in item['nodes'][:3]]}" for item in found]
    assert not told, "\n".join(told)
    made.leave()


LONG = quote_plus(f"man ordered the {'x' * 300}\nwoman ordered the \u0627\u0644\u062e\u0628\u0632")


@pytest.mark.parametrize(
    ("width", "text"), [(320, ""), (360, f"#text={LONG}"), (768, ""), (1400, f"#text={LONG}"), (1920, "")]
)
def test_no_width_needs_scrolling_sideways(lab, browser, width, text):
    made = Visit(browser, lab + text, viewport={"width": width, "height": 800})
    assert made.page.evaluate("document.documentElement.scrollWidth") <= width
    made.leave()


SPACED = (
    "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }"
    "p { margin-bottom: 2em !important }"
)
CUT = """() => [...document.querySelectorAll('body *')].filter((one) => {
  const { overflowX, contain } = getComputedStyle(one)
  if (!one.checkVisibility() || one.closest('svg, select, textarea, .unseen') || one.clientWidth === 0) return false
  const cuts = /hidden|clip/.test(overflowX) || /strict|paint/.test(contain)
  return cuts && (one.scrollWidth > one.clientWidth + 2 || one.scrollHeight > one.clientHeight + 2)
}).map((one) => one.textContent)"""
SMALL = """() => [...document.querySelectorAll('button, input, select, textarea, summary, [role=button]')]
  .filter((one) => one.checkVisibility() && !one.closest('[role=presentation] > .plain, .skip'))
  .map((one) => [one.ariaLabel || one.textContent, one.getBoundingClientRect()])
  .filter(([, { width, height }]) => Math.min(width, height) < 22).map(([name]) => name)"""


@pytest.mark.parametrize("width", [1400, 360])
def test_no_word_is_cut_where_letters_and_lines_stand_apart_and_what_is_pressed_is_no_dot(lab, browser, width):
    made = Visit(browser, lab, viewport={"width": width, "height": 800})
    page = made.page
    page.get_by_role("button", name=re.compile("1 man: .* ablate it")).click()
    page.wait_for_selector("table.trial")
    page.wait_for_selector(".mini >> nth=63")
    assert page.evaluate(SMALL) == []
    page.add_style_tag(content=SPACED)
    assert page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.getAnimations().length") == 0
    made.leave()


def test_what_is_of_settings_before_can_still_be_read(visit):
    if not AXE.exists():
        pytest.skip("axe-core is not installed in web/node_modules")
    page = visit.page
    page.fill("#learning_rate", "-1")
    page.keyboard.press("Enter")
    page.wait_for_selector("section.stale:has(#head-title)")
    page.wait_for_timeout(400)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {runOnly: ['color-contrast']}).then((done) => done.violations)")
    assert [node["html"] for item in found for node in item["nodes"]] == []


def test_both_sentences_the_answer_and_the_settings_are_in_one_screen(visit):
    page = visit.page
    for place in (".answer", "#seed", "#d_head", "tr:last-child td.comes"):
        for box in [one.bounding_box() for one in page.locator(place).all()]:
            assert box["y"] + box["height"] <= 900
    page.mouse.move(900, 500)
    page.mouse.wheel(0, 500)
    page.wait_for_timeout(300)
    assert page.locator("#d_head").bounding_box()["y"] >= 0  # it stays
    page.get_by_text("seeds each").wait_for()
    words = page.evaluate("document.body.innerText.split(/\\s+/).filter(Boolean).length")
    assert words <= 475, "half of the 936 that it had, counted alike, and what counts on"


def test_on_a_narrow_screen_seed_and_head_size_stay_in_sight(lab, browser):
    made = Visit(browser, lab, viewport={"width": 360, "height": 740})
    page = made.page
    page.get_by_role("button", name="the looks at man:").first.scroll_into_view_if_needed()
    page.mouse.wheel(0, 700)
    page.wait_for_timeout(300)
    for name in ("#seed", "#d_head"):
        box = page.locator(name).bounding_box()
        assert 0 <= box["y"] < 60
        assert box["x"] + box["width"] <= 360
    made.leave()


def test_columns_and_rows_of_a_sentence_line_up(visit):
    page = visit.page
    boxes = lambda what: [one.bounding_box() for one in page.locator(".sentence").first.locator(what).all()]  # noqa: E731
    heads, last = boxes("th[scope=col]:not(.comes)"), boxes("tbody tr:last-child .cell")
    assert [round(box["x"] + box["width"] / 2) for box in heads] == [round(box["x"] + box["width"] / 2) for box in last]
    assert len({round(box["width"]) for box in last}) == 1
    rows, ranks = boxes("tbody tr"), boxes("li")
    assert [box["y"] for box in ranks] == pytest.approx([box["y"] for box in rows[: len(ranks)]], abs=1)


def test_every_sentence_of_many_can_be_reached(lab, browser):
    text = quote_plus("\n".join(f"a{n} likes the b{n % 7}" for n in range(40)))
    made = Visit(browser, f"{lab}#steps=50&text={text}")
    page = made.page
    page.get_by_text("sentences 1 to 12 of 40").wait_for()
    for _ in range(3):
        page.get_by_role("button", name="the sentences after").click()
    page.get_by_text("sentences 37 to 40 of 40").wait_for()
    assert page.locator(".title").last.inner_text() == "Sentence 40"
    expect(page.locator("section.answer-card")).to_contain_text("is not explained here")
    made.leave()


def test_a_place_without_a_choice_says_so(visit):
    page = visit.page
    page.locator("button.word:has(bdi:text-is('ordered'))").first.click()
    expect(page.locator("section.answer-card")).to_contain_text("After “ordered” nothing is open")


def test_a_printed_page_is_two_sheets(visit):
    pages = re.findall(rb"/Type\s*/Page\b", visit.page.pdf(format="A4"))
    assert len(pages) == 2


def test_the_pages_words_are_the_glossarys():
    root = Path(__file__).parents[1]
    glossary = (root / "docs/glossary.md").read_text(encoding="utf-8").replace("'", "’")
    words = re.findall(
        r"^  '?([\w, ]+)'?: '(.+)',$", (root / "web/src/words.ts").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(words) > 15
    for word, meaning in words:
        assert re.search(rf"^\| `?{re.escape(word)}`? \| {re.escape(meaning)}", glossary, re.MULTILINE), word


# The same views elsewhere


def test_a_report_scrubs_offline_and_can_be_read_without_scripts(browser, tmp_path):
    from headlab.homework.exercise import exercise
    from headlab.report.html import homework as report

    path = report.write(exercise(NOTEBOOK, n_runs=20, head_sizes=[20]), tmp_path / "report.html")
    context = browser.new_context(offline=True)
    page, asked, faults = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto(path.as_uri())
    slider = page.get_by_label("moment of the training")
    before = page.locator(".cell").first.locator("xpath=ancestor::tbody").inner_text()
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator("h3", has_text="Contributions")).to_contain_text("step 0")
    assert page.locator(".cell").first.locator("xpath=ancestor::tbody").inner_text() != before
    assert page.locator(".mini").count() == 20
    for table in ("predictions", "attention"):  # what is to be handed in stands there, views or not, on paper too
        assert page.locator(f"table.{table}").first.is_visible()
        cut = "(tables) => tables.some((table) => table.parentElement.scrollWidth > table.parentElement.clientWidth)"
        assert not page.locator(f"table.{table}:visible").evaluate_all(cut)
    page.emulate_media(media="print")
    assert page.locator("table.predictions").first.is_visible()
    assert page.locator("#answers").is_visible()
    assert not page.locator("#headlab-views").is_visible()
    asked = [url for url in asked if not url.startswith("blob:")]  # its own workers
    assert (asked, faults) == ([path.as_uri()], [])
    context.close()
    still = browser.new_context(java_script_enabled=False)
    page = still.new_page()
    page.goto(path.as_uri())
    assert page.get_by_text("Output predictions").is_visible()
    assert page.locator("figure svg").first.is_visible()
    still.close()
