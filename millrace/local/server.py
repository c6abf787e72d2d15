"""The HTTP side: Chalice's own local server, with what real clients need."""

from __future__ import annotations

from typing import Any

from chalice.local import ChaliceRequestHandler, LocalChalice, LocalDevServer, ThreadedHTTPServer

from millrace import gateway
from millrace.command_error import CommandError

# API Gateway's limit: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
_MAX_PAYLOAD_BYTES = 10 * 1024 * 1024


class _Server(ThreadedHTTPServer):
    # The default of 5 resets connections when a dozen clients come at once.
    request_queue_size = 128


class _Handler(ChaliceRequestHandler):
    # Nagle's algorithm costs a kept-alive connection 40 ms a request.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """No line for each request; errors are logged by the application."""

    def _send_error_response(self, _error: Any) -> None:
        """Where API Gateway would not find a method; there is no other such error without authorizers."""
        response = gateway.answer(gateway.NO_SUCH_PATH)
        self._send_http_response(response.status_code, dict(response.headers), response.body)

    def _send_http_response(self, code: int, headers: dict[str, Any], body: str | bytes | None) -> None:
        """An answer to HEAD has no body, whatever answered; one would be taken for the start of the next answer."""
        if self.command != "HEAD":
            super()._send_http_response(code, headers, body)
            return
        self.send_response(code)
        self._send_headers(headers)

    def _parse_payload(self) -> tuple[dict[str, str], bytes | None]:
        headers = dict(self.headers)
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return headers, self._read_chunks()
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _MAX_PAYLOAD_BYTES:
            self.close_connection = True
            return headers, b" " * (_MAX_PAYLOAD_BYTES + 1)  # the application answers 413
        return headers, self.rfile.read(int(length)) or None

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
            if len(body) > _MAX_PAYLOAD_BYTES:
                self.close_connection = True
                return bytes(body)
        while self.rfile.readline().strip():
            pass  # trailers
        return bytes(body)


def create_server(app: Any, config: Any, port: int) -> LocalDevServer:
    """A server of the application on 127.0.0.1; each request runs in a thread of its own."""
    app.__class__ = LocalChalice  # keeps the current request per thread
    try:
        return LocalDevServer(app, config, "127.0.0.1", port, handler_cls=_Handler, server_cls=_Server)
    except OSError as error:
        raise CommandError(f"Port {port} is taken. Choose another: PORT={port + 1} make run") from error
