"""The viewer's page on loopback, kept from reaching anything but this machine.

Rerun's page asks Google for a font and has usage statistics of its own. A Content-Security-Policy
makes the browser refuse both, so that looking at the demo tells nobody.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urlsplit

from anyseg_ros.demo.viewer_server import LOOPBACK

if TYPE_CHECKING:
    from types import TracebackType

COPIED_HEADERS = ("Content-Type", "Content-Length", "rerun-final-length")
"""The last tells the page how much is to come."""

CHUNK_BYTES = 1 << 20


class ViewerPage:
    """Serves what the viewer's server serves, with the policy added.

    Args:
        data_port: where the viewer's data come from.
        page_port: where the viewer's own page is.
    """

    def __init__(self, data_port: int, page_port: int) -> None:
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _handler(data_port, page_port))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="viewer-page", daemon=True
        )

    @property
    def url(self) -> str:
        """The address for a browser on this machine."""
        return f"http://{LOOPBACK}:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def policy(data_port: int) -> str:
    """Return the Content-Security-Policy: this page, its WebAssembly and the data, nothing else."""
    return (
        "default-src 'self'; "
        "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; "
        f"connect-src 'self' http://{LOOPBACK}:{data_port}"
    )


def _handler(data_port: int, page_port: int) -> type[BaseHTTPRequestHandler]:
    start = f"/?url={quote(f'rerun+http://{LOOPBACK}:{data_port}/proxy', safe='')}&persist=0"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Send the start page on to its data, and hand the viewer's files through."""
            # a name of elsewhere that was pointed at this machine (DNS rebinding) gets nothing
            if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in {
                LOOPBACK,
                "localhost",
            }:
                self.send_error(HTTPStatus.FORBIDDEN)
            elif self.path == "/":
                self.send_response(HTTPStatus.FOUND)
                self.send_header("Location", start)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._hand_through()

        def _hand_through(self) -> None:
            connection = HTTPConnection(LOOPBACK, page_port, timeout=30)
            try:
                connection.request("GET", self.path)
                answer = connection.getresponse()
                self.send_response(answer.status)
                for name in COPIED_HEADERS:
                    if (value := answer.getheader(name)) is not None:
                        self.send_header(name, value)
                self.send_header("Content-Security-Policy", policy(data_port))
                self.end_headers()
                while chunk := answer.read(CHUNK_BYTES):
                    self.wfile.write(chunk)
            except OSError:
                self.close_connection = True  # the browser or the demo has gone
            finally:
                connection.close()

        def log_message(self, *_arguments: object) -> None:
            """Keep quiet: the demo owns the terminal."""

    return Handler
