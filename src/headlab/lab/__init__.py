"""The lab: a local page on which a head retrains while a slider moves. A guarded ASGI app, trainers, and a protocol."""

SEEDS = 64  # that are shown beside each other
