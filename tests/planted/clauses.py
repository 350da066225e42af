"""Which clauses the truth about a place asks for, and what a clause that was said amounts to, both as plain values.

A clause is (kind, what it says), without its numbers. What must be said is a list of sets: of each set one clause.
"""

from collections import Counter

CODED = {
    "value": "value_coded",
    "pattern": "pattern_coded",
    "direct": "position_coded",
    "mixed": "mixed",
    "opposed": "opposed",
    "": "not_compared",
}
MAIN = 2 / 3


def asked(at, several_heads):
    """Return what must be said of a place: [{clauses of which one is said}]."""
    if at.says:
        return [{clause} for clause in at.says]
    found = [_looks(at)] if at.looks else []
    givers = frozenset(main_parts(at))
    found.append({("gives", givers)})
    found += [{("nearer", frozenset(at.nearer))}] if at.nearer else []
    found += [{("coded", CODED[at.coded])}] if at.coded in CODED else []
    for here, kind in ((True, "draws_here"), (False, "draws_there")):
        drawn = frozenset((query, key) for side, query, key in at.drawn if side == here)
        found += [{(kind, drawn, "" if at.stays else at.rival)}] if drawn else []
    if at.flips is not None:
        found += [{trial(at, part)} for part in givers]
        if several_heads:
            needed = {part: tuple(sorted(by(of))) for part, of in at.flips.items() if is_head(part)}
            found.append({("needed", tuple(sorted(needed.items())))})
    return found


def allowed(at):
    """Return what may be said besides: what becomes of the prediction without what is looked at, and what that gives."""
    if at.flips is None:
        return set()
    return {trial(at, name) for name in set(at.looks) - {None}} | {("adds", name) for name in at.looks}


def trial(at, part):
    """Return what becomes of the prediction without a part."""
    outcomes = by(at.flips.get(part, {})) | by(at.ties.get(part, {}))
    if outcomes:
        return "without", part, tuple(sorted((how, tuple(sorted(tokens))) for how, tokens in outcomes.items()))
    return ("flips_nothing" if part in at.moves else "changes_nothing"), part


def by(outcomes):
    """Return {ablation: what is predicted then} from {what is predicted: by which ablations}."""
    found = {}
    for token, ablations in outcomes.items():
        for ablation in ablations.split():
            found.setdefault(ablation, set()).update(token.split("="))
    return found


def main_parts(at):
    """Return the parts that give most, and what gives at least two thirds of that."""
    sign = 1 if at.lead > 0 else -1
    most = max((sign * value for value in at.gives.values()), default=0)
    return [part for part, value in at.gives.items() if sign * value >= MAIN * most > 0]


def is_head(part):
    """Return whether a part's name is a head's.

    >>> is_head("0.1"), is_head("man")
    (True, False)
    """
    return part.replace(".", "").isdigit()


def _looks(at):
    votes = Counter(name for name in at.looks if name is not None)
    if not votes:
        return {("looks_equally",)}
    most = max(votes.values())
    return {("looks", name, count) for name, count in votes.items() if count == most}


def said(clause):
    """Return what a clause says as `asked` has it, or None for one that only goes with another."""
    kind, told = clause.kind, clause.arguments
    match kind:
        case "looks":
            return "looks", name_of(told["source"]), told["who"]["heads"]
        case "looks_equally":
            return ("looks_equally",)
        case "gives_it":
            return "gives", frozenset([name_of(told["source"])])
        case "gives":
            return "gives", frozenset(name_of(part) for part, _ in told["parts"])
        case "adds":
            return "adds", name_of(told["source"])
        case "nearer":
            return "nearer", frozenset(word.word for word in told["tokens"])
        case "draws_here" | "draws_there":
            drawn = [(feature(q), feature(k)) for item in told["told"] for q in item.queries for k in item.keys]
            return kind, frozenset(drawn), "=".join(word.word for word in told["predicts"] or ())
        case "without":
            outcomes = [
                (how, tuple(sorted(word.word for word in item.tokens)))
                for item in told["outcomes"]
                for how in item.ablations
            ]
            return "without", name_of(told["part"]), tuple(sorted(outcomes))
        case "flips_nothing" | "changes_nothing":
            return kind, name_of(told["part"])
        case "value_coded" | "pattern_coded" | "position_coded" | "mixed" | "opposed" | "not_compared":
            return "coded", kind
        case "needed":
            return "needed", tuple(sorted((name_of(head), tuple(sorted(kinds))) for head, kinds in told["heads"]))
        case "no_head_needed":
            return "needed", ()
    return (kind,)


def name_of(named):
    """Return how the truths call a part, or a part or a word that a clause names."""
    part, word = getattr(named, "part", named), getattr(named, "word", None)
    word = named if isinstance(word, str) else word
    if word is not None:
        return word.word if word.nth is None else f"{word.word} {word.nth}"
    if part.kind == "head":
        return f"{part.layer}.{part.head}"
    return part.kind.removeprefix("direct:")


def feature(spot):
    """Return a feature of a query or a key that draws the eye as the truths call it."""
    if spot is None:
        return "every key"
    told = {"token": spot.word, "position": f"#{spot.position}", "everything": f"all of {spot.word}"}
    return told.get(spot.kind, "~" + " and ".join(spot.read_words))
