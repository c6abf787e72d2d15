"""Every error that the pipeline raises on purpose.

Problem                 the caller is told: status, code, message (http/answers.py makes it problem+json)
+-- BadRequest          400  not_json, not_utf8, bad_gzip, too_deep, bad_parameter, bad_cursor, ...
+-- Unauthorized        401  no_key, bad_key
+-- Forbidden           403  forbidden
+-- NotFound            404  no_such_event, no_such_chunk, no_such_file, no_such_call, not_found
+-- TooLarge            413  body_too_large, too_many_events, answer_too_large
+-- AllRejected         422  all_rejected
+-- TooManyRequests     429  quota_exceeded, too_many_unknown_keys, too_many_requests (worth sending again, later)
+-- Unavailable         503  queue_unavailable, store_unavailable, timed_out (worth sending again)
    +-- UnknownFormat   503  unknown_data_format (the stage's data needs another version, or an upgrade)
StoreFailed             a call to AWS failed or its outcome is unknown: nothing may be concluded
Undecodable             a queue message that is not a chunk
ProcessingFailed        some messages of a batch must come back
"""

from __future__ import annotations

from typing import Any, ClassVar


class Problem(Exception):
    """An answer other than 200."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, code: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.extra = extra


class BadRequest(Problem):
    status, title = 400, "Bad request"


class Unauthorized(Problem):
    status, title = 401, "Unauthorized"


class Forbidden(Problem):
    status, title = 403, "Forbidden"


class NotFound(Problem):
    status, title = 404, "Not found"


class TooLarge(Problem):
    status, title = 413, "Payload too large"


class AllRejected(Problem):
    status, title = 422, "No event was accepted"


class TooManyRequests(Problem):
    status, title = 429, "Too many requests"


class Unavailable(Problem):
    status, title = 503, "Temporarily unavailable"


class UnknownFormat(Unavailable):
    """The stage's data has a format that this version does not know. Nothing is read or changed."""

    def __init__(self, message: str) -> None:
        super().__init__("unknown_data_format", message, retry_after=60)


class StoreFailed(Exception):
    """An AWS call failed, or was perhaps applied: the caller concludes nothing and tries again."""


class Undecodable(Exception):
    """A message body that is not a chunk of this product."""


class ProcessingFailed(Exception):
    """Raised after the finished messages were deleted, so that the queue returns only the others."""
