"""Lets only the local stack use the emulator. emulator_main.py imports it in the emulator's own environment.

The emulator does not authenticate anybody, answers every web page and runs code that is posted to it. Any page in a
browser and any user of this machine can reach its port.
"""

from __future__ import annotations

import hmac
import re
from typing import Any

#: The only path with a leading underscore that is let through. emulator_main.py answers it.
CHANGES = "/_millrace/changes"
#: The services that stack.yaml and the functions use. All others stay closed.
SERVICES = ("cloudformation", "cloudwatch", "dynamodb", "logs", "s3", "sns", "sqs")

# Browsers add these headers to requests of pages. No client of the emulator is a browser.
_BROWSERS_HEADERS = (b"origin", b"sec-fetch-site")
# A request to a deployed API, as its clients send it.
_API_CALL = re.compile(r"/restapis/[^/]+/[^/]+/_user_request_(/|$)")
# A request that is signed with the key of a user or role. An emulator that enforces IAM verifies it.
_SIGNATURE = re.compile(rb"AWS4-HMAC-SHA256 Credential=A[KS]IA\w+/")


class Guard:
    """An ASGI application in front of the emulator's.

    A request needs the secret as its session token (`X-Amz-Security-Token`), which boto3 sends. If the emulator
    enforces IAM, requests to deployed APIs and requests of users and roles need no secret.
    """

    def __init__(self, application: Any, secret: str, *, enforces_iam: bool) -> None:
        self._application, self._secret, self._enforces_iam = application, secret.encode(), enforces_iam

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
        elif not self._admits(scope["path"], dict(scope["headers"])):
            await _refuse(send)
        elif self._is_api_call(scope["path"]):
            await self._application(scope, receive, send)
        else:
            await self._application(scope, receive, _without_cors(send))

    def _admits(self, path: str, headers: dict[bytes, bytes]) -> bool:
        if headers.get(b"host", b"").partition(b":")[0] != b"127.0.0.1":  # DNS may resolve any other name to here
            return False
        if any(name in headers for name in _BROWSERS_HEADERS):
            return False
        if path.startswith("/_") and path != CHANGES:  # these paths reset, configure and inspect the emulator
            return False
        if hmac.compare_digest(headers.get(b"x-amz-security-token", b""), self._secret):
            return True
        signature = headers.get(b"authorization", b"")
        return self._is_api_call(path) or (self._enforces_iam and _SIGNATURE.match(signature) is not None)

    def _is_api_call(self, path: str) -> bool:
        return self._enforces_iam and _API_CALL.match(path) is not None


async def _refuse(send: Any) -> None:
    body = b'{"__type": "AccessDeniedException", "message": "This emulator serves its own local stack only."}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _without_cors(send: Any) -> Any:
    async def send_without(message: Any) -> None:
        if "headers" in message:
            kept = [each for each in message["headers"] if not each[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return send_without
