"""What is true of a planted circuit, as data: place by place, what gives the answer, and what becomes of it without each part.

Parts are named "man" (a source; "the 2" where the word stands more than once in its sentence), "0.1" (a head), "token" and
"position" (what the embeddings write past all heads), "positions" (all position embeddings).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from planted.circuit import Circuit

ALL, OF_HEADS = "zero mean resample mask", "zero mean resample"


@dataclass(frozen=True)
class At:
    """The truth about one place.

    beginning: the sentence up to the place; answer, rival: rival may be several tokens with "=" between
    lead: logit(answer) - logit(rival); predicts: another token, where the model is wrong
    looks: where each head of the last layer looks most, None: nowhere
    gives: what parts give to the lead; all others give nothing
    flips: {part: {what is predicted then: by which ablations}}; moves: parts that flip nothing, and yet do something;
        all other parts change nothing. None: not told
    ties: the same as flips, where the answer is among several that are most likely then, "beef=chicken"
    against: beginnings of the places that it is compared with, by default the other sentence's;
        pairs: {a beginning: {position here: position there}} where it is not the same position, or several such ways
    coded: "value", "pattern", "direct", "mixed", "opposed", "" where the two cannot be compared, "none" where nothing changes
    nearer: tokens that are nearer than the rivals, and their lead
    drawn: what draws the eye where the pattern decides, (whether it stands here, feature of the query, of the key): a token,
        "#3" for a position, "~man" for what an earlier head read from “man”
    stays: the prediction does when nothing draws the eye; else the rival is predicted
    says: all clauses, as `planted.clauses` has them; by default they follow from the rest
    """

    beginning: str
    answer: str
    rival: str
    lead: float
    looks: tuple = ()
    gives: Mapping = field(default_factory=dict)
    flips: Mapping | None = field(default_factory=dict)
    ties: Mapping = field(default_factory=dict)
    moves: tuple = ()
    against: tuple = ()
    pairs: Mapping = field(default_factory=dict)
    coded: str = "value"
    predicts: str = ""
    nearer: Mapping = field(default_factory=dict)
    drawn: tuple = ()
    stays: bool = False
    says: Sequence = ()


@dataclass(frozen=True)
class Truth:
    """A circuit, the mechanism of a run that has it, and the truth about its places.

    noisy: whether it stays true with noise; undescribed: none of the words fits, and the output says so
    """

    circuit: Circuit
    mechanism: str
    places: tuple[At, ...]
    noisy: bool = True
    undescribed: bool = False

    def located(self):
        """Return the places with where they are, [(at, (sequence, position))]; of equal beginnings one after the other."""
        seen, found = {}, []
        for at in self.places:
            found.append((at, place_of(self.circuit.corpus, at.beginning, seen.setdefault(at.beginning, 0))))
            seen[at.beginning] += 1
        return found

    def against(self, at, row, position):
        """Return the places that one is compared with, [(sequence, {position here: position there})]."""
        corpus, located = self.circuit.corpus, self.located()
        token = corpus.tokens[row, position]
        if at.against:
            places = [place_of(corpus, beginning) for beginning in at.against]
        else:
            rivals = at.rival.split("=")
            places = [place for one, place in located if one.answer in rivals and corpus.tokens[place] == token]
        found = []
        for other, there in places:
            causal = self.circuit.causal
            last = min(position, there) + 1 if causal else min(corpus.lengths[row], corpus.lengths[other])
            told = [at.pairs[beginning] for beginning in at.pairs if place_of(corpus, beginning) == (other, there)]
            ways = told[0] if told else {here: here for here in range(last)}
            found += [(other, pairs) for pairs in ([ways] if isinstance(ways, dict) else ways)]
        return found


def place_of(corpus, beginning, skip=0):
    """Return the (sequence, position) of a place by how its sentence begins, without the start token; skip: of several."""
    words = tuple(beginning.split())
    start = () if beginning.startswith("<Start>") or corpus.start is None else (corpus.start,)
    found = [row for row, sentence in enumerate(corpus.sentences) if sentence[: len(start + words)] == start + words]
    return found[skip], len(start + words) - 1


def name_at(corpus, row, position):
    """Return how a source is called: by its word, with a number where the word stands more than once in the sentence."""
    words = corpus.sentences[row]
    word = words[position]
    return word if words.count(word) == 1 else f"{word} {words[: position + 1].count(word)}"


def parts_of(circuit, row, position):
    """Return every part that is tried at a place, {name: part as the oracle takes it}."""
    corpus, model = circuit.corpus, circuit.model
    last = position + 1 if model.causal else len(corpus.sentences[row])
    found = {name_at(corpus, row, key): key for key in range(last)}
    if model.n_layers * model.n_heads > 1:
        found |= {f"{layer}.{head}": (layer, head) for layer in range(model.n_layers) for head in range(model.n_heads)}
    if model.residual:
        found["token"] = "token"
        found |= {"position": "position"} if model.positions else {}
    return found | ({"positions": "positions"} if model.positions else {})
