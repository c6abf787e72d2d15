"""A web site of another origin than the stack: one page, and the scripts that it serves."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MODULES = Path(__file__).parent / "node/node_modules"
_SCRIPTS = {
    "/segment.js": MODULES / "@segment/analytics-next/dist/umd/index.js",
    "/posthog.js": MODULES / "posthog-js/dist/array.full.no-external.js",
}


def bundled(script: str, folder: Path) -> bytes:
    """A script and the packages that it imports, of those installed in a folder, in one file as a site serves it."""
    command = ["node_modules/.bin/esbuild", "--bundle", "--log-level=error", "--tsconfig-raw={}"]
    done = subprocess.run(command, input=script.encode(), cwd=folder, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return done.stdout


class Shop:
    """`scripts`: what it serves, by path; `body`: of its page, which every other path shows; `policy`: the page's."""

    def __init__(self, scripts: Mapping[str, bytes] | None = None, body: str = "", policy: str = "") -> None:
        served = {path: script.read_bytes() for path, script in _SCRIPTS.items() if script.exists()}
        served |= scripts or {}
        page = f"<!doctype html><title>Shop</title><link rel=icon href=data:,><body>{body}".encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                script = served.get(self.path.partition("?")[0])
                self.send_response(200)
                self.send_header("Content-Type", "text/html" if script is None else "text/javascript")
                if policy:
                    self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(page if script is None else script)

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
