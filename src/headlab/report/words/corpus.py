"""What can be said of a corpus before any training: what a model sees of it, and what each of its dependencies is."""

from typing import TYPE_CHECKING

from headlab.notation.values import enumeration

if TYPE_CHECKING:
    from headlab.config import ModelConfig
    from headlab.data.corpus import Corpus
    from headlab.data.dependencies import Dependency

MOST_ALTERNATIVES = 4  # of a dependency, named
MOST_LABELS = 12  # short names of tokens, explained


def label_note(corpus: "Corpus") -> str:
    """Return which token each short name of a table stands for, as a sentence; nothing where tables have no others.

    >>> import headlab as hl
    >>> label_note(hl.Corpus.notebook()), label_note(hl.Corpus.from_text("a b"))
    ('In tables <ST> is “<Start>”, chkn is “chicken” and ordrd is “ordered”.', '')
    """
    pairs = zip(corpus.labels, corpus.vocabulary, strict=True)
    other = [f"{label} is “{word}”" for label, word in pairs if label != word]
    return f"In tables {enumeration(other, MOST_LABELS)}." if other else ""


def sight_words(model: "ModelConfig") -> str:
    """Return what a model of a shape sees at a position, in words.

    >>> from headlab.config import ModelConfig
    >>> sight_words(ModelConfig()), sight_words(ModelConfig(causal=False))
    ('the full prefix', 'the whole sentence, the answer included')
    """
    if model.sees_positions:
        return "the full prefix" if model.causal else "the whole sentence, the answer included"
    return f"the tokens of the {'prefix' if model.causal else 'whole sentence'}, not their positions"


def dependency_sentence(item: "Dependency", corpus: "Corpus", model: "ModelConfig") -> str:
    """Return what one dependency of a corpus is for a model of a shape, in words.

    >>> import headlab as hl
    >>> corpus, blind = hl.Corpus.notebook(), hl.ModelConfig(causal=False)
    >>> dependency_sentence(corpus.dependencies(blind)[0], corpus, blind)
    'Sentence 1, position 0: “<Start>” goes on with “man”, elsewhere with “woman”; “man” at position 1 tells which: it is \
the answer itself, as without the causal mask every token is seen.'
    """
    names, outputs = corpus.vocabulary, corpus.output_names
    where = f"Sentence {item.sequence + 1}, position {item.position}: “{names[item.token]}” goes on with"
    others = enumeration([f"“{outputs[other]}”" for other in item.alternatives], MOST_ALTERNATIVES)
    fact = f"{where} “{outputs[item.target]}”, elsewhere with {others}"
    if not item.resolvable:
        return f"{fact}; {_unknowable(item, corpus, model)}."
    if item.settled_by is None or item.settled_token is None:
        return f"{fact}; {'the whole prefix' if model.causal else 'the whole sentence'} tells which."
    how = ": it is the answer itself, as without the causal mask every token is seen" if item.is_answer else ""
    return f"{fact}; “{names[item.settled_token]}” at position {item.settled_by} tells which{how}."


def _unknowable(item: "Dependency", corpus: "Corpus", model: "ModelConfig") -> str:
    if model.sees_positions or not corpus.resolvable(model.replace(positions=True))[item.sequence, item.position]:
        before = "nothing before it" if model.causal else "nothing in its sentence"
        return f"{before} tells which, so no model can know"
    return "only positions would tell which, so no model without them can know"
