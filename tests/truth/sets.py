"""How many sets of parts suffice, counted by hand: every subset of the parts of one prediction, each in a forward pass."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from truth.measures import TIE, Scene, World
from truth.network import Array, Edit, Network
from truth.places import Place

MOST_PARTS = 10  # of which all subsets are tried here
Edge = tuple[int, int, int, int]  # layer, head, query, key


def parts_of(scene: Scene) -> list[object]:
    """Edges into the place, edges of earlier layers, the direct paths of token and position."""
    world, last = scene.world, scene.world.n_layers - 1
    found: list[object] = []
    for layer, head, query in product(range(world.n_layers), range(world.n_heads), scene.seen):
        if layer < last or query == scene.position:
            found += [(layer, head, query, key) for key in scene.text.seen((scene.row, query))]
    if scene.net.residual:
        found.append("token")
        found += ["position"] if world.has_positions else []
    return found


def counts(scene: Scene, run: int) -> dict[str, int]:
    """How many minimal sets suffice, by zero and by resampling; none where the right tokens do not lead with all parts."""
    others, parts = scene.others(run), parts_of(scene)
    donors = dict.fromkeys(others)
    for token in scene.alternatives:
        donors |= dict.fromkeys(scene.text.others(scene.place, frozenset({token})))
    pairs = {place: scene.counterparts(run, place)[0] for place in donors}
    itself = {at: at for at in range(len(scene.sentence))}
    zero = [(scene.place, itself, None, None), *((place, pairs[place], None, None) for place in others)]
    from_donors = [(scene.place, itself, place, pairs[place]) for place in donors]
    back = [(place, pairs[place], scene.place, itself) for place in others]
    if any(scene.world.at(place).lead(run) <= TIE for place in (scene.place, *others)):
        return {}
    found = {"zero": minimal(scene.world, run, parts, zero)}
    return found | ({"resample": minimal(scene.world, run, parts, from_donors + back)} if donors else {})


def minimal(world: World, run: int, parts: Sequence[object], scenes: Sequence[tuple]) -> int:
    """The number of sets that suffice in all scenes, and no smaller part of which does."""
    subsets = np.array(list(product([False, True], repeat=len(parts))))
    enough = np.ones(len(subsets), bool)
    for scene in scenes:
        enough &= right(world, run, parts, subsets, *scene)
    kept = {tuple(subset) for subset in subsets[enough].tolist()}
    return sum(not any(other != one and all(np.array(one)[np.array(other)]) for other in kept) for one in kept)


def right(
    world: World,
    run: int,
    parts: Sequence[object],
    subsets: NDArray[np.bool_],
    place: Place,
    at: dict[int, int],
    donor: Place | None,
    there: dict[int, int] | None,
) -> NDArray[np.bool_]:
    """Whether the target leads at a place with some parts only [subset]."""
    on, whole = world.clean, world.net
    net = Network(
        {name: w[run : run + 1] for name, w in whole.weights.items()},
        whole.n_layers, whole.n_heads, whole.d_head, whole.causal, whole.residual,
    )  # fmt: skip
    row, T = place[0], world.tokens.shape[1]
    edits = []
    for subset in subsets:
        keep = np.ones((world.n_layers, world.n_heads, T, T))
        add = np.zeros((1, world.n_layers, world.n_heads, T, on.token.shape[-1]))
        direct = np.zeros((1, T, on.token.shape[-1]))
        for part in (part for part, kept in zip(parts, subset, strict=True) if not kept):
            if isinstance(part, str):
                embeds: Array = {"token": on.token, "position": on.position}[part][run]
                direct[0, place[1]] -= embeds[place]
                if donor is not None:
                    direct[0, place[1]] += embeds[donor]
                continue
            layer, head, query, key = part
            if query not in at or key not in at:
                continue
            keep[layer, head, at[query], at[key]] = 0
            if donor is not None and query in there and key in there:
                add[0, layer, head, at[query]] += on.reads[run, layer, head, donor[0], there[query], there[key]]
        edits.append(Edit(keep=keep, add=add, direct=direct))
    logits = net(np.repeat(world.tokens[[row]], len(edits), axis=0), edits).logits[0, :, place[1]]
    target = world.text.target(place)
    return logits[:, target] > np.delete(logits, target, axis=1).max(axis=1) + TIE
