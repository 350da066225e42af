"""The command line: one thin command a library verb. Only here are results printed and errors translated.

Exit status: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted.
"""

import atexit
import gc
import os
import sys

import click

from headlab.cli.exercise import exercise
from headlab.cli.explain import explain
from headlab.cli.export import export
from headlab.cli.help import Group
from headlab.cli.homework.group import homework
from headlab.cli.lab import lab
from headlab.cli.predict import predict
from headlab.cli.report import report
from headlab.cli.study.group import study
from headlab.cli.tasks.group import tasks
from headlab.cli.terminal import (
    complain,
    discard,
    open_streams,
    say,
)
from headlab.cli.train import train
from headlab.cli.verify import verify
from headlab.errors import HeadlabError, ModuleFull


def _version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Say which headlab this is, on which backend and instruction set it computes."""
    if asked and not context.resilient_parsing:
        from headlab import __version__
        from headlab.engine import chosen_backend, chosen_instruction_set

        say(f"headlab {__version__}, {chosen_backend()} ({chosen_instruction_set()})")
        context.exit()


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and what computes, and exit.",
)
def cli() -> None:
    """headlab, the laboratory for attention heads.

    Start with `headlab exercise`: it trains the notebook's model and answers the homework.
    """


def main() -> None:
    """Run the command line; every error becomes one sentence on standard error (HEADLAB_DEBUG=1: a traceback)."""
    from headlab.errors import OutputError

    open_streams()
    atexit.register(gc.freeze)  # or Python looks for garbage in all that goes anyway: 0.4 s after an exercise
    try:
        status = cli.main(standalone_mode=False) or 0
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message(), err=True)
        status = 2
    except click.ClickException as error:
        complain(error.format_message())
        status = 2
    except HeadlabError as error:
        complain(str(error))
        refused = 1 if isinstance(error, OutputError) and error.__cause__ else 2
        status = getattr(error, "exit_status", refused)
    except (KeyboardInterrupt, click.Abort) as error:
        reason = error.__cause__ if isinstance(error, click.Abort) and error.__cause__ else error
        complain(str(reason) or "interrupted")
        status = 128 + int(getattr(reason, "signal_number", 2))
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        discard(sys.stdout)
        status = 0
    except SystemExit:  # Rich's way of saying the same
        status = 0
    except ModuleFull as error:
        complain(str(error))
        status = 1
    except MemoryError:
        complain("the work must fit in memory, and it did not: take fewer runs, or record less (--record none)")
        status = 1
    except Exception as error:
        if os.environ.get("HEADLAB_DEBUG"):
            raise
        discard(sys.stdout)
        complain(f"the work failed ({type(error).__name__}: {error}): HEADLAB_DEBUG=1 headlab … shows where")
        status = 1
    sys.exit(status)


cli.add_command(exercise)
cli.add_command(train)
cli.add_command(predict)
cli.add_command(explain)
cli.add_command(study)
cli.add_command(homework)
cli.add_command(lab)
cli.add_command(tasks)
cli.add_command(report)
cli.add_command(export)
cli.add_command(verify)
