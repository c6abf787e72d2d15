"""A web site of another origin than the stack: one empty page, and the libraries' own files for browsers."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MODULES = Path(__file__).parent / "node/node_modules"
_SCRIPTS = {
    "/segment.js": MODULES / "@segment/analytics-next/dist/umd/index.js",
    "/posthog.js": MODULES / "posthog-js/dist/array.full.no-external.js",
}


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        script = _SCRIPTS.get(path)
        content = script.read_bytes() if script else b"<!doctype html><title>Shop</title><body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if script else "text/html")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Silence."""


class Shop:
    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
