"""Reading sentences: lines, words, characters, what nobody sees, names of tokens, and tokens that look alike."""

import re

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from headlab import Corpus
from headlab.cli.main import cli
from headlab.data.graphemes import graphemes
from headlab.data.lookalikes import lookalikes
from headlab.data.text import decode, split_line
from headlab.errors import CorpusError, HeadlabError
from headlab.notation.visible import escape_unseen
from headlab.study.design import StudyDesign

NO_LINES = ["\f", "\v", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
NO_LETTERS = ["\ufeff", "\u200b", "\u2060", "\u00ad", "\u200e", "\u200f", "\u202e", "\u2066", "\u061c"]


@pytest.mark.parametrize("character", NO_LINES, ids=ascii)
def test_what_no_editor_calls_a_line_end_separates_words_and_moves_no_line_number(character):
    corpus = Corpus.from_text(f"man ordered{character}the chicken\nwoman ordered the beef")
    assert corpus.sentences == Corpus.notebook().sentences
    with pytest.raises(CorpusError, match="in line 2"):
        Corpus.from_text(f"a{character}b\nc \ud800")
    with pytest.raises(CorpusError, match="0xff in line 2"):
        decode(f"a{character}b\n".encode() + b"\xff", "x.txt")


def test_lines_end_as_in_every_editor():
    assert Corpus.from_text("a b\r\nc d\re f\n\n\r\ng").sentences == (
        ("<Start>", "a", "b"), ("<Start>", "c", "d"), ("<Start>", "e", "f"), ("<Start>", "g"),
    )  # fmt: skip
    for data in (b"a\rb\r\xff", b"a\r\nb\r\n\xff", b"a\nb\n\xff", b"a\rb\r\0"):
        with pytest.raises(CorpusError, match="in line 3") as refused:
            decode(data, "x.txt")
        assert [problem.line for problem in refused.value.problems] == [3]


@pytest.mark.parametrize("character", NO_LETTERS, ids=ascii)
def test_what_nobody_sees_is_no_letter_wherever_it_stands(character):
    text = f"{character}man ordered the chi{character}cken{character}\n{character}\nwoman {character} ordered the beef"
    assert (
        Corpus.from_text(text).vocabulary
        == Corpus.from_text("man ordered the chicken\nwoman ordered the beef").vocabulary
    )
    with pytest.raises(CorpusError, match="start token must be one word"):
        Corpus.from_text("a b", start=f"<{character}>")


def test_joiners_stay_as_persian_and_emoji_are_spelled_with_them():
    words = ["می\u200cخواهم", "👩\u200d🌾", "क्\u200dष", "❤\ufe0f"]
    assert split_line(" ".join(words)) == words


def test_joiners_are_shown_where_they_join_and_written_out_where_they_hide():
    flag = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
    for word in ("می\u200cخواهم", "👨\u200d👩\u200d👧", "❤\ufe0f\u200d🔥", "क्\u200dष", flag):
        assert escape_unseen(word) == word
    assert escape_unseen("a\u200db\u200c") == "a\\u200db\\u200c"
    assert escape_unseen("中\u200d\u200b中") == "中\\u200d\\u200b中"
    assert escape_unseen("\U000e0061中") == "\\U000e0061中"


ALIKE = {
    "capital letters": "The cat\nthe dog",
    "punctuation": "a chicken.\na chicken",
    "punctuation ": "“beef” a\nbeef b",
    "how marks are encoded (NFC, NFD)": "caf\u00e9 a\ncafe\u0301 b",
    "width or style (NFKC)": "ＡＢ a\nAB b",
    "unseen characters": "خانه\u200cها a\nخانهها b",
    "unseen characters ": "❤ a\n❤\ufe0f b",
}


@pytest.mark.parametrize("reason", ALIKE)
def test_tokens_that_look_alike_are_pointed_out_and_stay_two(reason):
    corpus = Corpus.from_text(ALIKE[reason])
    (found,) = lookalikes(corpus)
    assert found.reasons == (reason.strip(),)
    assert found.sentences == ((0,), (1,))
    (note,) = corpus.notes()
    assert note.endswith(f"differ only in {reason.strip()}: they are 2 tokens.")
    assert "(sentence 1)" in note and "(sentence 2)" in note  # noqa: PT018
    first, second = re.findall("“(.*?)” \\(", note)
    assert first != second  # though they look the same
    assert set(found.tokens) <= set(corpus.vocabulary)


def test_plain_corpora_have_no_notes():
    assert Corpus.notebook().notes() == ()
    assert Corpus.from_text("a . b\nc , d ; e").notes() == ()
    assert Corpus.from_text("Tt tT", tokens="characters").notes() == ()


def test_commands_print_the_first_notes_on_standard_error_and_count_the_rest(tmp_path):
    file = tmp_path / "c.txt"
    file.write_text("A B C D E F G a b c d e f g")
    done = CliRunner().invoke(cli, ["train", str(file), "--steps", "1", "--json"])
    notes = [line for line in done.stderr.splitlines() if "note:" in line]
    assert len(notes) == 6
    assert "and 2 more" in notes[-1]
    assert "note" not in done.stdout
    study = tmp_path / "s.toml"
    study.write_text('corpus = "c.txt"\nseeds = [0]\n')
    assert CliRunner().invoke(cli, ["study", "check", str(study)]).stderr.count("note:") == 6


REFUSED = {
    "two tokens of one label": ({"labels": ["x", "a", "a"]}, "labels must name every token once, got 'a' twice"),
    "an empty label": ({"labels": ["x", "", "b"]}, "labels must be names that can be read"),
    "a blank label": ({"labels": ["x", " ", "b"]}, "labels must be names that can be read"),
    "a label of two lines": ({"labels": ["x", "a\nb", "b"]}, "labels must be names that can be read"),
    "a label with a space at its end": ({"labels": ["x", "a ", "b"]}, "labels must be names that can be read"),
    "a label that cannot be seen": ({"labels": ["x", "a\u200b", "b"]}, "labels must be names that can be read"),
    "a label that is no text": ({"labels": ["x", 1, "b"]}, "labels must be names that can be read"),
    "another token's name": ({"labels": ["x", "b", "a"]}, "labels must not be the name of another token"),
    "labels as one text": ({"labels": "xab"}, "labels must be a list"),
    "labels as a number": ({"labels": 3}, "labels must be a list"),
    "a token twice": (
        {"vocabulary": ["<Start>", "a", "b", "a"]},
        "vocabulary must name every token once, got 'a' twice",
    ),
    "an empty token": ({"vocabulary": ["<Start>", "a", "b", ""]}, "vocabulary must be names that can be read"),
    "a token with a line break": ({"vocabulary": ["<Start>", "a", "b", "c\nd"]}, "vocabulary must be names"),
    "a vocabulary as one text": ({"vocabulary": "ab"}, "vocabulary must be a list"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_names_that_cannot_be_told_apart_or_read_are_refused(what):
    options, sentence = REFUSED[what]
    with pytest.raises(CorpusError, match=sentence):
        Corpus.from_text("a b", **options)
    if "vocabulary" in options:
        with pytest.raises(CorpusError, match=sentence):
            Corpus.from_ids([[0, 1, 2]], **options)


ODD_IDS = {
    "a number": (3, {}, "ids must be sequences"),
    "one flat list": ([1, 2], {}, "ids must be sequences"),
    "words": (["ab", "cd"], {}, "ids must be whole numbers, got 'a'"),
    "nothing": ([], {}, "at least one sequence"),
    "shares": ([[0.5, 1]], {}, "ids must be whole numbers, got 0.5"),
    "ids below base": ([[0, 1]], {"base": 1}, "ids must be at least 1, got 0"),
    "a base that is no number": ([[0, 1]], {"base": "1"}, "base must be a whole number"),
    "more tokens than fit": ([[0, 10**9]], {}, "ids must be below 65536, .* got 1000000000"),
    "a wrap that is no flag": ([[0, 1]], {"wrap": "no"}, "wrap must be True or False"),
}


@pytest.mark.parametrize("what", ODD_IDS)
def test_ids_that_are_none_are_refused(what):
    ids, options, sentence = ODD_IDS[what]
    with pytest.raises(CorpusError, match=sentence):
        Corpus.from_ids(ids, **options)


CHARACTERS = {
    "你好": ["你", "好"],
    "你 好": ["你", "␣", "好"],
    " the  cat ": ["t", "h", "e", "␣", "c", "a", "t"],
    "e\u0301a": ["e\u0301", "a"],
    "👍🏽👨\u200d👩\u200d👧🇨🇭🇩🇪": ["👍🏽", "👨\u200d👩\u200d👧", "🇨🇭", "🇩🇪"],
    "1️⃣❤️": ["1️⃣", "❤️"],
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f!": [
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "!",
    ],
    "\u1112\u1161\u11ab가\u11a8": ["\u1112\u1161\u11ab", "가\u11a8"],
    "กำนี่": ["กำ", "นี่"],
    "هٰذَا": ["هٰ", "ذَ", "ا"],
    "\ufeff你\u200b好": ["你", "好"],
}


@pytest.mark.parametrize("text", CHARACTERS, ids=ascii)
def test_characters_are_what_people_count(text):
    assert split_line(text, "characters") == CHARACTERS[text]
    corpus = Corpus.from_text(text + "\nx", tokens="characters")
    assert corpus.sentences[0] == ("<Start>", *CHARACTERS[text])
    again = Corpus.from_dict(corpus.to_dict())
    assert (again.tokens_are, again.to_dict()) == ("characters", corpus.to_dict())
    assert corpus.sentence(0) == "<Start> " + "".join(CHARACTERS[text]).replace("␣", " ")


letters = st.text(
    st.sampled_from("ae\u0301\u0308你字ก\u0e33क\u093e👍🏽👩👧\u200d\ufe0f❤🇨🇭\u1112\u1161\u11ab가각 1\u20e3\u200c!"),
    max_size=12,
)


@settings(deadline=None)
@given(letters)
def test_graphemes_are_those_of_the_unicode_standard(text):
    oracle = pytest.importorskip("wcwidth")
    if not hasattr(oracle, "iter_graphemes"):
        pytest.skip("an older wcwidth")
    assert graphemes(text) == list(oracle.iter_graphemes(text))


def test_words_stay_the_default_and_name_old_corpora_as_before():
    assert "tokens" not in Corpus.from_text("a b").to_dict()
    assert Corpus.from_text("a b").tokens_are == "words"
    with pytest.raises(CorpusError, match="tokens must be one of words, characters, got 'bytes'"):
        Corpus.from_text("a b", tokens="bytes")


def test_every_door_reads_characters(tmp_path):
    text, file = "你好\n你们", tmp_path / "c.txt"
    file.write_text(text)
    corpus = Corpus.from_text(text, tokens="characters")
    study = tmp_path / "s.toml"
    study.write_text('corpus = "c.txt"\ntokens = "characters"\nseeds = [0]\n')
    design = StudyDesign.from_toml(study)
    np.testing.assert_array_equal(design.conditions[0].dataset.corpus.tokens, corpus.tokens)
    again = StudyDesign.from_dict(design.to_dict())
    assert again.conditions[0].dataset.corpus.tokens_are == "characters"
    for option in ('tokens = "characters"', "wrap = false", 'start = ""'):
        study.write_text(f"{option}\nseeds = [0]\n")
        with pytest.raises(HeadlabError, match=f"{option.split()[0]} must go with a corpus file or sentences"):
            StudyDesign.from_toml(study)
    folder = tmp_path / "runs"
    options = ["--tokens-are", "characters", "--steps", "1", "--save", str(folder)]
    done = CliRunner().invoke(cli, ["train", str(file), *options])
    assert done.exit_code == 0, done.output
    assert (folder / "run.json").read_text().count("characters") == 1
