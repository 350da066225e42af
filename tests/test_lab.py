"""`headlab lab`: the file that it opens, writes and gives out, with the settings asked for, and what the build puts into it."""

import contextlib
import gzip
import http.client
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browsing import BUILT

import headlab as hl
from headlab.report.html.lab import LAB, lab_page

pytestmark = BUILT
PUT_IN = re.compile(r'<script type="text/plain" id="headlab-link">([^<]*)</script>\n  ')


def settings_in(page):
    return {name: values[0] for name, values in parse_qs(PUT_IN.search(page)[1], keep_blank_values=True).items()}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of one's own, and what the browser was told to open."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("XDG_DOWNLOAD_DIR", raising=False)
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) is None)
    return tmp_path, opened


# The file


def test_the_file_is_small_enough_for_a_mail():
    data = LAB.read_bytes()
    assert len(data) <= 500_000
    assert len(gzip.compress(data)) <= 200_000


def test_where_no_script_runs_the_recorded_tables_can_be_read():
    text = re.sub(r"<script.*?</script>", "", lab_page(), flags=re.DOTALL)
    run = hl.train(hl.Corpus.notebook(), seeds=1)[0]
    for sequence in range(2):
        for numbers in (run.pattern()[sequence], run.probs()[sequence]):
            assert all(f"<td>{number:.3f}</td>" in text for row in numbers for number in row if number)
    assert f"{float(run.final_loss):.4f}" in text


@pytest.mark.parametrize("link", ["", "#", "headlab.html#"])
def test_without_settings_a_copy_is_the_file(link):
    assert lab_page(link) == LAB.read_text(encoding="utf-8")


# The command


def test_a_copy_is_opened_from_where_every_browser_can_read(run, home):
    folder, opened = home
    (folder / "Downloads").mkdir()
    status, out, _ = run("lab", "--d-head", "5", "--seed", "12")
    path = folder / "Downloads" / "headlab-lab.html"
    assert (status, out.strip(), opened) == (0, f"the lab is in {path}", [path.as_uri()])
    assert settings_in(path.read_text(encoding="utf-8")) == {"seed": "12", "d_head": "5", "numerics": "2"}
    assert run("lab", "--no-browser", "--json")[1].strip() == f'{{"path": "{path}"}}'
    assert path.read_bytes() == LAB.read_bytes()
    assert len(opened) == 1


def test_without_a_folder_for_downloads_it_is_the_home_folder(run, home):
    folder, opened = home
    assert run("lab")[0] == 0
    assert opened == [(folder / "headlab-lab.html").as_uri()]


def test_where_no_browser_is_found_that_is_said(run, home, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    status, _, err = run("lab")
    assert (status, "no browser was found" in err) == (0, True)


def test_a_link_goes_into_the_file_with_all_that_it_says(run, home, tmp_path):
    link = "file:///else/headlab.html#text=a+b%0Aa+c&moment=3&hide=why,seeds&seed=7&numerics=2"
    assert run("lab", link, "--save", "it.html")[0] == 0
    found = settings_in(Path("it.html").read_text(encoding="utf-8"))
    assert found == {"text": "a b\na c", "moment": "3", "hide": "why,seeds", "seed": "7", "numerics": "2"}
    assert home[1] == []


def test_a_file_of_sentences_goes_into_the_file(run, home):
    Path("words.txt").write_text("cat chased the mouse\ndog chased the ball\n")
    assert run("lab", "words.txt", "--steps", "300", "--save", "it.html")[0] == 0
    found = settings_in(Path("it.html").read_text(encoding="utf-8"))
    assert found == {"text": "cat chased the mouse\ndog chased the ball", "steps": "300", "schedule": "constant"}


def test_characters_go_into_the_file_as_tokens_that_train_the_same_run(run, home):
    Path("letters.txt").write_text("ab c\nac d\n")
    assert run("lab", "letters.txt", "--tokens-are", "characters", "--save", "it.html")[0] == 0
    link = "#" + PUT_IN.search(Path("it.html").read_text(encoding="utf-8"))[1]
    trained = [
        run("train", *what, "--json")
        for what in ([link], ["letters.txt", "--tokens-are", "characters", "--seeds", "1"])
    ]
    assert trained[0] == trained[1]


@pytest.mark.parametrize(
    "options", [["--labels", "S w x y"], ["--vocabulary", "a b c <Start>"], ["--vocabulary", "<Start> a b c d"]]
)
def test_tokens_that_are_called_or_ordered_otherwise_are_refused_at_once(run, home, options):
    Path("words.txt").write_text("a b\na c\n")
    status, _, err = run("lab", "words.txt", *options, "--save", "it.html")
    assert (status, Path("it.html").exists()) == (2, False)
    assert f"got {options[0]}: leave that out" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--serve", "lots"], "--serve must be a port"),
        (["--serve", "65536"], "--serve must be a port"),
        (["--serve", "0", "--save", "x.html"], "either --save or --serve"),
        (["--seed", "-1"], "--seed must be"),
        (["#d_head=5", "--seed", "3"], "got --seed"),
        (["--d-head", "0"], "d_head must be"),
        (["--dtype", "float64"], "float32"),
        (["--save", "none/x.html"], "folder"),
    ],
)
def test_what_cannot_be_is_one_sentence(run, home, options, said):
    status, out, err = run("lab", *options)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


COMMAND = [sys.executable, "-m", "headlab", "lab", "--no-browser", "--serve", "0"]


@contextlib.contextmanager
def served(*options):
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process, urlsplit(re.search(r"http\S+", process.stdout.readline())[0])
        process.kill()


def answer(address, method, path):
    with contextlib.closing(http.client.HTTPConnection(address.hostname, address.port, timeout=30)) as link:
        link.request(method, path)
        found = link.getresponse()
        return found.status, dict(found.getheaders()), found.read()


def test_given_out_it_is_a_plain_file_on_this_machine_alone_until_it_is_told_to_end():
    with served("--d-head", "5") as (process, address):
        assert address.hostname == "127.0.0.1"
        status, headers, body = answer(address, "GET", "/")
        assert (status, body.decode()) == (200, lab_page("#d_head=5"))
        assert headers["content-security-policy"] == "frame-ancestors 'none'"
        assert answer(address, "HEAD", "/headlab.html")[2] == b""
        assert [answer(address, "GET", path)[0] for path in ("/live", "/../etc/passwd", "/headlab.py")] == [404] * 3
        assert answer(address, "POST", "/")[0] == 501
        process.send_signal(signal.SIGINT)
        assert (process.wait(20), process.stderr.read()) == (0, "")


def test_a_port_that_is_taken_is_said():
    with served() as (_, address):
        again = [*COMMAND[:-1], str(address.port)]
        done = subprocess.run(again, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--serve must be a free port" in done.stderr
