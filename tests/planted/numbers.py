"""The numbers of a clause, by an own forward pass on the tables of a circuit."""

import numpy as np

from planted.reading import TIE, lead, softmax


def numbers(reading, at, place, clause):
    """Return what a clause's numbers must be, {argument: value}, as far as they are told here."""
    row, position = place
    logits = reading.oracle.clean[row].logits[position]
    told, share = clause.arguments, softmax(logits)
    match clause.kind:
        case "looks":
            weights = _last_rows(reading, place)
            heads = [
                head
                for head in weights
                if head[told["source"].word.position] > _second(head, told["source"].word.position)
            ]
            return {"share": np.mean([head[told["source"].word.position] for head in heads])}
        case "looks_equally":
            return {"share": np.mean(_last_rows(reading, place).max(axis=1))}
        case "gives_it" | "gives" | "adds":
            return _given(reading, at, place, clause)
        case "nearer" | "hair":
            return {"lead": lead(logits, reading.id(at.answer))} | (
                {"share": share[reading.id(at.answer)]} if "share" in told else {}
            )
        case "wrong" | "predicts" | "undecided":
            return {"share": share.max()}
        case "not_target" | "bigram":
            return {"share": share[reading.id(at.answer)]}
        case "elsewhere" | "hair_elsewhere":
            return {"share": _elsewhere(reading, at, place, lambda other: softmax(other)[reading.id(at.answer)])}
        case "both_ways":
            weights = reading.weights(at)
            return {"here": logits @ weights, "there": _elsewhere(reading, at, place, lambda other: other @ weights)}
    return {}


def _last_rows(reading, place):
    row, position = place
    return reading.oracle.clean[row].pattern[-1][:, position]


def _second(weights, position):
    return np.delete(weights, position).max(initial=-1) + TIE


def _given(reading, at, place, clause):
    row, position = place
    weights = reading.weights(at)
    total = float(reading.oracle.clean[row].logits[position] @ weights)
    sign = 1 if total > 0 else -1
    found = reading.oracle.gives(row, position, weights)
    told = clause.arguments

    def gives(named):
        kind = named.part.kind.removeprefix("direct:")
        return sign * found[named.word.position if named.word is not None else kind]

    if clause.kind == "adds":
        return {"contribution": gives(told["source"])}
    named = [told["source"]] if clause.kind == "gives_it" else [part for part, _ in told["parts"]]
    values = [gives(part) for part in named]
    shown = round(sign * total, 2) - sum(round(value, 2) for value in values)
    result = (
        {"total": sign * total, "contribution": values[0]} if clause.kind == "gives_it" else {"total": sign * total}
    )
    return result | ({} if told["rest"] is None else {"rest": shown})


def _elsewhere(reading, at, place, measure):
    # At the place where the rivals are least ahead.
    (other, pairs), *_ = sorted(
        reading.truth.against(at, *place),
        key=lambda donor: -(reading.oracle.clean[donor[0]].logits[donor[1][place[1]]] @ reading.weights(at)),
    )
    return measure(reading.oracle.clean[other].logits[pairs[place[1]]])
