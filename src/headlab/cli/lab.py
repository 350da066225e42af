"""`headlab lab`: the page on which a head retrains while a slider moves."""

import secrets
import socket
import sys
import threading
import webbrowser
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import click

from headlab.cli.help import Command
from headlab.cli.options import json_option, number_or_text
from headlab.cli.terminal import put_json, say
from headlab.errors import ConfigError
from headlab.notation.values import short_repr
from headlab.system import PORTS_ARE_SHARED

PORT = 8765


@click.command(cls=Command)
@click.option("--port", type=number_or_text, metavar="NUMBER", help=f"The port.  [default: {PORT}, or a free one]")
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="This machine's address to listen at."
)
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page in the browser.")
@json_option
def lab(port: Any, host: str, browser: bool, as_json: bool) -> None:
    """Open the lab: a page where a head retrains while you move a slider.

    It answers only to whoever has the address that it prints. By default it listens on this machine alone; --host opens it to a
    network, unencrypted: do so where you trust everybody. Ctrl-C ends it.
    """
    from headlab.report import PAGE

    if not (PAGE / "index.html").exists():
        raise ConfigError("the lab's page must be built, and this checkout has none: pip install . builds it")
    listening = _socket(host, port)
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(32)
    hosts = [f"{name}:{port}" for name in _names(host)]
    address = f"http://{hosts[0]}/#token={token}"
    if as_json:
        put_json({"address": address}, in_a_line=True)
    else:
        say(f"The lab is open at {address}   (Ctrl-C ends it)")
    sys.stdout.flush()
    if browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    _serve(hosts, token, listening)


def _serve(hosts: list[str], token: str, listening: socket.socket) -> None:
    """Serve until Ctrl-C; whoever connects while this is imported waits."""
    from headlab.lab.trainer import prepare

    prepare()
    import uvicorn

    from headlab.lab.app import MOST_BYTES, application

    config = uvicorn.Config(
        application(hosts, token),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    with suppress(KeyboardInterrupt):  # as it is meant to end
        uvicorn.Server(config).run(sockets=[listening])


def _names(host: str) -> list[str]:
    """Return what a browser may call this server, exactly."""
    address = ip_address(host)
    name = f"[{host}]" if address.version == 6 else host
    return [name, "localhost"] if address.is_loopback else [name]


def _socket(host: str, port: Any) -> socket.socket:
    if port is not None and not (isinstance(port, int) and 0 <= port < 65536):
        raise ConfigError(f"--port must be a whole number from 0 to 65535, got {short_repr(port)}")
    try:
        address = ip_address(host)
    except ValueError:
        raise ConfigError(
            f"--host must be a numeric address of this machine, got {short_repr(host)}: `ip addr` or `ipconfig` lists them"
        ) from None
    if address.is_unspecified:
        raise ConfigError(f"--host must be one address of this machine, got {host}, which is all of them: name one")
    listening = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    if not PORTS_ARE_SHARED:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for number in [PORT, 0] if port is None else [port]:
        try:
            listening.bind((host, number))
            listening.listen()
            return listening
        except OSError as error:
            last = error
    listening.close()
    named = "any port" if port is None else f"port {port}"
    raise ConfigError(
        f"--host must be this machine's and --port free, got {host}, {named} ({last.strerror}): name others"
    )
