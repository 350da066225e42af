"""A learning management system of SCORM 1.2, in a browser: scorm-again's run-time around a package, given out on this machine."""

import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

RUNTIME = Path(__file__).parents[1] / "web/node_modules/scorm-again/dist/scorm12.min.js"
COURSE = """<!doctype html><meta charset="utf-8"><title>A course</title><link rel="icon" href="data:,">
<script src="/scorm12.min.js"></script>
<script>window.API = new Scorm12API({ autocommit: false, logLevel: 5, selfReportSessionTime: true })
const kept = window.sessionStorage.getItem('kept') // what the system has of an earlier visit
if (kept) window.API.loadFromJSON(JSON.parse(kept), 'cmi')</script>
<iframe src="/package/%s" style="width: 1300px; height: 900px"></iframe>"""
KINDS = {"html": "text/html; charset=utf-8", "js": "text/javascript", "xml": "text/xml"}


@contextmanager
def course(package: bytes) -> Iterator[str]:
    """Give a package out as a course has it: the manifest says which page is opened; yields the course's address."""
    archive = zipfile.ZipFile(io.BytesIO(package))
    manifest = ElementTree.fromstring(archive.read("imsmanifest.xml"))
    first = next(element.get("href") for element in manifest.iter() if element.tag.endswith("}resource"))
    files = {f"/package/{name}": archive.read(name) for name in archive.namelist()}
    files |= {"/scorm12.min.js": RUNTIME.read_bytes(), "/course.html": (COURSE % first).encode()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _serving(files))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/course.html"
    finally:
        server.shutdown()
        server.server_close()


def kept(page: Any) -> dict[str, Any]:
    """Return what the system has of the student: `core`, with its score and status, and `suspend_data`."""
    return dict(page.evaluate("() => JSON.parse(JSON.stringify(window.API.cmi))"))


def _serving(files: Mapping[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path.partition("?")[0])
            self.send_response(200 if content is not None else 404)
            self.send_header("content-type", KINDS[self.path.partition("?")[0].rpartition(".")[2]])
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
