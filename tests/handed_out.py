"""An assignment whose secrets are easy to find again, wherever they are not to be."""

import handed_in

from headlab.homework.assignment.assignment import Assignment

SECRETS = ["Secretly right", "Secretly wrong", "0.298765", "0.023456", "0.987654", "Only for me"]
KEYS = ["par", "right", "wrong", "skip", "solved", "mechanisms"]
TEXT = (
    handed_in.QUICK.replace('"d_head", best = "lowest"', '"learning_rate", best = "highest"')
    .replace("par = 3", "par = 0.298765")
    .replace("d_head = [1, 16]", "d_head = [1, 16]\nlearning_rate = [0.1, 1]")
    .replace(
        "each = 100", 'each = 100\nskip = [1]\nsolved = [0.023456, 1]\nmechanisms = { "value-coded" = [0, 0.987654] }'
    )
    .replace('id = "looks"', 'id = "looks"\nright = "Secretly right"\nwrong = "Secretly wrong" # Only for me')
)


def secretive():
    """The assignment."""
    assert not [secret for secret in SECRETS if secret not in TEXT]
    return Assignment.of_text(TEXT, "quick")


def keys(value):
    """The names of everything in plain values, however deep."""
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys(inner)
