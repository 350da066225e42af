"""What every `new` does: write a commented file to fill in, where there is none yet."""

from collections.abc import Callable
from pathlib import Path

from headlab.cli.options import shell_word
from headlab.cli.terminal import output_path, tell_output
from headlab.errors import OutputError


def write_new(file: Path, what: str, text: Callable[[], str], check: str, *, as_json: bool) -> None:
    """Write a new file, and say where it is and which command checks it; raises `OutputError` where it is there already."""
    from headlab.files import leads_to_stdout, write_output

    if file.is_file() and not leads_to_stdout(file):
        raise OutputError(f"a new {what} must not be there yet, got {str(file)!r}: name another one")
    data = text().encode()
    write_output(output_path(file), data)
    hint = f"   (check it with: {check} {shell_word(file)})"
    tell_output(file, after=hint, as_json="file" if as_json else None)
