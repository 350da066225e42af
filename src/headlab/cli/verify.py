"""`headlab verify`: is a seed the same run here as everywhere?"""

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from headlab.cli.help import Command
from headlab.cli.options import json_option, threads_option
from headlab.cli.terminal import complain, progress_bar, put_json, show


@click.command(cls=Command)
@click.option("--all", "every", is_flag=True, help="Every instruction set of this processor, not only the one in use.")
@threads_option
@json_option
@click.pass_context
def verify(ctx: click.Context, every: bool, threads: Any, as_json: bool) -> None:
    """Verify that seeds are the same runs here as everywhere.

    Trains fourteen settings, 64 seeds each, and prints the hashes of their weights beside the golden ones. Exit status 1:
    a hash is another one, and this build gives other bits than every other. HEADLAB_BACKEND=wasm verifies the module, where
    wasmtime is; HEADLAB_INSTRUCTION_SET names another instruction set than the widest. --json prints an object, with --all a
    list of them.
    """
    from headlab import verify as verify_bits
    from headlab.engine import instruction_sets
    from headlab.report.terminal.verification import verification_blocks
    from headlab.report.words.verification import disagreement

    asked: list[str | None] = [*instruction_sets()] if every else [None]
    found = []
    with progress_bar("verifying") as progress:
        for at, name in enumerate(asked):
            part = partial(_tell_part, progress, at, len(asked))
            found.append(verify_bits(instruction_set=name, threads=threads, progress=part))
    if as_json:
        put_json([one.to_dict() for one in found] if every else found[0].to_dict())
    else:
        tried = {one.instruction_set for one in found}
        show(verification_blocks(found, [name for name in instruction_sets() if name not in tried]))
    if not all(one.agree for one in found):
        complain(disagreement(found))
        ctx.exit(1)


def _tell_part(progress: Callable[[float], None], at: int, parts: int, done: float) -> None:
    progress((at + done) / parts)
