"""`headlab lab`: the page on which a head retrains while a slider moves, in a file that needs nobody."""

import os
import sys
import tempfile
import threading
import webbrowser
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

import click

from headlab.cli.help import Command
from headlab.cli.options import corpus_options, json_option, number_or_text, setting_options, settings_asked
from headlab.cli.terminal import output_path, put_json, say, tell_output
from headlab.errors import ConfigError, OutputError, Problem
from headlab.notation.values import short_repr
from headlab.system import PORTS_ARE_SHARED

NAME = "headlab-lab.html"  # of the copy that is opened
HOST = "127.0.0.1"
HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "frame-ancestors 'none'",  # the file has a policy of its own, which cannot say this
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@click.command(cls=Command)
@corpus_options
@click.option("--seed", type=number_or_text, metavar="NUMBER", help="The run that is shown.  [default: 1, or a link's]")
@click.option("--save", type=click.Path(path_type=Path), help="Write the file to this path, and open nothing.")
@click.option(
    "--serve",
    type=number_or_text,
    metavar="PORT",
    help="Give the file out on this port of this machine; 0: a free one.",
)
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open it in the browser.")
@setting_options
@json_option
@click.pass_context
def lab(
    ctx: click.Context, /, seed: Any, save: Path | None, serve: Any, browser: bool, as_json: bool, **options: Any
) -> None:
    """Open the lab: a page where a head retrains while you move a slider.

    The page is one file, which trains in the browser: it needs no server and no network, and can be given to others (--save).
    FILE and the settings are what it begins with; FILE may be a link of the lab, in quotes. Where the browser is on another
    machine, --serve gives the file out as `ssh -L` can reach it; Ctrl-C ends that.
    """
    from headlab.report.html.lab import lab_page

    if save is not None and serve is not None:
        raise ConfigError("either --save or --serve must be given, got both: leave one of them out")
    page = lab_page(_link(ctx, seed, options)).encode()
    if serve is not None:
        _serve(page, serve, browser, as_json)
        return
    path = _kept(page) if save is None else _written(page, save)
    if as_json:
        put_json({"path": str(path)}, in_a_line=True)
    elif save is None:
        tell_output(path, "the lab is in ")
    else:
        tell_output(path)
    if browser and save is None and not webbrowser.open(path.as_uri()):
        say("no browser was found: open the file in one, or give it out with --serve", err=True)


def _link(ctx: click.Context, seed: Any, options: dict[str, Any]) -> str:
    """Return the link of what is asked for; a link as it is, with all that it says of how one looks at it."""
    from headlab.config.seeds import is_seed
    from headlab.runs.experiment import fields_of
    from headlab.runs.link import is_link, write

    if seed is not None and not is_seed(seed):
        raise ConfigError(Problem(f"--seed must be a whole number from 0 to 2**64 - 1, got {short_repr(seed)}", "seed"))
    file, called = options["file"], [f"--{name}" for name in ("vocabulary", "labels") if options[name]]
    dataset, model, training, linked = settings_asked(ctx, options)
    if linked is not None and seed is not None:
        raise ConfigError("a link must be taken as it is, got --seed: leave that out, or change the link")
    if called:
        said = "the lab has tokens by their own names, in the order in which they first appear"
        raise ConfigError(f"{said}, got {' and '.join(called)}: leave that out")
    return str(file) if is_link(file or "") else write(fields_of(dataset, model, training, 1 if seed is None else seed))


def _written(page: bytes, path: Path) -> Path:
    from headlab.files import write_output

    write_output(output_path(path), page)
    return path


def _kept(page: bytes) -> Path:
    """Write the copy that is opened: where browsers that are shut into a part of the disk can read, and no hidden folder."""
    home = Path.home()
    last: OutputError | None = None
    for folder in (Path(os.environ.get("XDG_DOWNLOAD_DIR") or home / "Downloads"), home, Path(tempfile.gettempdir())):
        if folder.is_dir():
            try:
                return _written(page, folder / NAME)
            except OutputError as error:
                last = error
    raise last or ConfigError("a folder for the lab's file must be there, and none was found: give a path with --save")


class _Page(BaseHTTPRequestHandler):
    """One file, and nothing else."""

    def __init__(self, page: bytes, *given: Any) -> None:
        self.page = page
        super().__init__(*given)

    def do_GET(self) -> None:
        self._answer(self.page)

    def do_HEAD(self) -> None:
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        if self.path.partition("?")[0] not in ("/", "/headlab.html"):
            self.send_error(404)
            return
        self.send_response(200)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.page)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


class _Server(ThreadingMixIn, TCPServer):  # one that asks nobody for this machine's name
    daemon_threads = True
    allow_reuse_address = not PORTS_ARE_SHARED

    def handle_error(self, *arguments: Any) -> None:
        """Say nothing: browsers hang up."""


def _serve(page: bytes, port: Any, browser: bool, as_json: bool) -> None:
    """Give the page out until Ctrl-C."""
    if not (isinstance(port, int) and 0 <= port < 65536):
        raise ConfigError(f"--serve must be a port, a whole number from 0 to 65535, got {short_repr(port)}")
    try:
        server = _Server((HOST, port), partial(_Page, page))
    except OSError as error:
        raise ConfigError(
            f"--serve must be a free port, got {port} ({error.strerror}): name another one, or 0"
        ) from None
    with server:
        address = f"http://{HOST}:{server.server_address[1]}/"
        if as_json:
            put_json({"address": address}, in_a_line=True)
        else:
            say(f"The lab is at {address}   (Ctrl-C ends it)")
        sys.stdout.flush()
        if browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with suppress(KeyboardInterrupt):  # as it is meant to end
            server.serve_forever()
