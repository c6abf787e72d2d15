"""Every error that the pipeline raises on purpose.

Problem                 an error answer: a code of the table below and a message (http/answers.py makes it problem+json)
+-- UnknownFormat       the stage's data needs another version, or an upgrade
StoreFailed             a call to AWS failed or its outcome is unknown: the caller may conclude nothing
+-- NotApplied          a write certainly changed nothing
Undecodable             a queue message that is not a chunk
ProcessingFailed        some messages of a batch must be delivered again
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple


class ErrorCode(NamedTuple):
    """A code of the API's errors. `advice`: what the caller can do about it."""

    status: int
    meaning: str
    advice: str


#: The closed vocabulary of the API's errors: shared by answers, the API's description and docs/api.md.
ERROR_CODES = {
    "not_json": ErrorCode(400, "The body is not JSON.", "Correct the body: the message says where the error is."),
    "not_utf8": ErrorCode(400, "The body is not UTF-8.", "Encode the body as UTF-8."),
    "bad_gzip": ErrorCode(
        400, "The body starts like gzip, but cannot be decompressed.", "Send the complete gzip body, or plain JSON."
    ),
    "too_deep": ErrorCode(400, "The body is nested too deeply.", "Use fewer levels: the message names the limit."),
    "no_events": ErrorCode(400, "The body holds no events.", "Send at least one event."),
    "bad_parameter": ErrorCode(
        400, "A query parameter is unknown or wrong.", "See the message: it names the parameter."
    ),
    "bad_cursor": ErrorCode(
        400, "The cursor was not made for this query.", "Send the same parameters as for the page that returned it."
    ),
    "range_too_wide": ErrorCode(
        400, "The answer would have too many windows.", "Use a shorter span, one event_type or a coarser grain."
    ),
    "bad_request": ErrorCode(400, "The request cannot be read.", "See the message."),
    "no_key": ErrorCode(401, "This stage needs a key.", "Send a key of the project."),
    "bad_key": ErrorCode(401, "This key is not valid here.", "Check the key, and which stage it is sent to."),
    "forbidden": ErrorCode(
        403,
        "The key is of the wrong kind (write or read), or a rule of the stage's operators refuses the request.",
        "Use a key of the other kind.",
    ),
    "no_such_event": ErrorCode(404, "No event has this key.", "If it was just accepted, try again in a moment."),
    "no_such_chunk": ErrorCode(
        404, "No chunk has this id.", "Use a chunk id from the answer to a POST of this project."
    ),
    "no_such_file": ErrorCode(404, "The page has no such file.", "Reload the page."),
    "no_such_call": ErrorCode(
        404, "The path names no call of Segment's libraries.", "See the message: it lists the calls."
    ),
    "not_found": ErrorCode(404, "The path does not exist, or it does not accept this method.", "See GET /docs."),
    "method_not_allowed": ErrorCode(
        405, "The path does not allow this method.", "Use a method that the header Allow names."
    ),
    "body_too_large": ErrorCode(
        413,
        "The body is too large: as it was sent, after decompression, or as messages in the queue.",
        "Send fewer at once.",
    ),
    "too_many_events": ErrorCode(413, "The body holds too many events.", "Send fewer at once."),
    "too_many_values": ErrorCode(413, "The body holds too many JSON values.", "Send fewer at once."),
    "answer_too_large": ErrorCode(
        413, "The answer would be too large, because it repeats the long ids of many events.", "Send fewer at once."
    ),
    "unsupported_media_type": ErrorCode(415, "The path does not accept this content type.", "Send no Content-Type."),
    "library_not_taken": ErrorCode(
        422, "Calls of this library are not supported.", "Use a supported library: docs/clients.md lists them."
    ),
    "all_rejected": ErrorCode(422, "Every event was rejected.", "See `events`: it has the reason for each event."),
    "quota_exceeded": ErrorCode(
        429, "The project sends more than its quotas allow.", "Repeat the request after Retry-After."
    ),
    "too_many_unknown_keys": ErrorCode(
        429, "This stage gets too many requests with unknown keys.", "Repeat the request after Retry-After."
    ),
    "too_many_requests": ErrorCode(
        429, "This stage, or its account, gets too many requests.", "Repeat the request after Retry-After."
    ),
    "internal_error": ErrorCode(
        500, "An unexpected error occurred in the stage.", "Tell the operators: the log has the cause."
    ),
    "queue_unavailable": ErrorCode(503, "Not every event could be queued.", "Repeat the request after Retry-After."),
    "store_unavailable": ErrorCode(503, "The store did not answer.", "Repeat the request after Retry-After."),
    "timed_out": ErrorCode(503, "The request took longer than 29 seconds.", "Repeat the request after Retry-After."),
    "unknown_data_format": ErrorCode(
        503, "The stage's data was written by another version.", "Repeat the request once the stage is upgraded."
    ),
}

#: The phrases of HTTP's statuses (RFC 9110, section 15). They are the titles of problems without a type (RFC 9457).
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Problem(Exception):
    """An error answer. `message` defaults to the code's meaning. `extra`: further members of the answer's body."""

    def __init__(self, code: str, message: str = "", **extra: Any) -> None:
        self.code, self.extra = code, extra
        self.status, meaning, _ = ERROR_CODES[code]
        self.message = message or meaning
        super().__init__(self.message)


class UnknownFormat(Problem):
    """The stage's data has a format that this version does not know. Nothing was read or changed."""

    def __init__(self, message: str) -> None:
        super().__init__("unknown_data_format", message, retry_after=60)


class StoreFailed(Exception):
    """An AWS call failed or its outcome is unknown. The caller concludes nothing and tries again."""


class NotApplied(StoreFailed):
    """A write certainly changed nothing. `passes`: the cause is temporary, such as a competing write or throttling."""

    passes = True


class Undecodable(Exception):
    """A message body that is not a chunk of this product."""


#: The exceptions that broken content raises in our code. Calls to AWS raise StoreFailed instead.
BROKEN_CONTENT = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, zlib.error)


class ProcessingFailed(Exception):
    """Some messages must be delivered again. The finished messages are deleted already."""
