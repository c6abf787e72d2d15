"""`millrace tail -f`: an event is printed once, a restart is waited for, and Ctrl-C ends it quietly."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from waiting import eventually


def make_row(key: str) -> dict[str, Any]:
    return {"key": key, "timestamp": "2026-05-17T10:00:00Z", "event_type": key, "user_id": "u", "properties": {}}


@contextmanager
def stage(port: int, rows: list[dict[str, Any]], looks: list[str]) -> Iterator[int]:
    """A stage that lists the same rows at each look; `looks` collects them."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            looks.append(self.path)
            body = json.dumps({"events": rows, "next": None}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_each_event_is_printed_once_over_a_restart_and_ctrl_c_ends_it_quietly() -> None:
    looks: list[str] = []
    with stage(0, [make_row("ahead")], looks) as port:
        command = [
            sys.executable,
            "-m",
            "millrace",
            "tail",
            "-f",
            "--every",
            "0.2",
            "--url",
            f"http://127.0.0.1:{port}",
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            eventually(lambda: len(looks) >= 3, "three looks")
        except BaseException:
            process.kill()
            raise
    try:
        before = len(looks)
        with stage(port, [make_row("after"), make_row("ahead")], looks):
            eventually(lambda: len(looks) >= before + 3, "looks after the restart")
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert [line.split()[1] for line in output.splitlines()] == ["ahead", "after"]
    assert "Traceback" not in errors
    assert "Aborted" not in errors
