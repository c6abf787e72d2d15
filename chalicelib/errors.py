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
    "not_json": ErrorCode(400, "The body is not JSON.", "Correct it: the message says where it breaks."),
    "not_utf8": ErrorCode(400, "The body is not UTF-8.", "Encode it as UTF-8."),
    "bad_gzip": ErrorCode(400, "The body starts like gzip but cannot be inflated.", "Send the whole of it, or JSON."),
    "too_deep": ErrorCode(400, "The body nests too deep.", "Nest less: the message names the limit."),
    "no_events": ErrorCode(400, "The body holds no events.", "Send at least one."),
    "bad_parameter": ErrorCode(400, "A query parameter is unknown or wrong.", "See the message, which names it."),
    "bad_cursor": ErrorCode(
        400, "The cursor was not made for this query.", "Repeat the parameters of the page that it came with."
    ),
    "range_too_wide": ErrorCode(
        400, "The answer would have too many windows.", "Ask for a shorter span, one event_type or a coarser grain."
    ),
    "bad_request": ErrorCode(400, "The request cannot be read.", "See the message."),
    "no_key": ErrorCode(401, "This stage needs a key.", "Send one."),
    "bad_key": ErrorCode(401, "This key is not valid here.", "Check the key, and which stage it is sent to."),
    "forbidden": ErrorCode(
        403,
        "The key is a write key where a read key is needed, or the reverse; or the stage's operators keep you out.",
        "Use the other key.",
    ),
    "no_such_event": ErrorCode(404, "No event has this key.", "If it was just accepted, ask again in a moment."),
    "no_such_chunk": ErrorCode(404, "No chunk has this id.", "Use an id that was answered to a POST of this project."),
    "no_such_file": ErrorCode(404, "The page has no such file.", "Load the page again."),
    "no_such_call": ErrorCode(404, "Segment's libraries make no such call.", "See the message, which names those."),
    "not_found": ErrorCode(404, "There is no such path, or not with this method.", "See GET /docs."),
    "method_not_allowed": ErrorCode(405, "The path is not for this method.", "Use one that the header Allow names."),
    "body_too_large": ErrorCode(413, "The body is too large, as sent, inflated or queued.", "Send fewer at once."),
    "too_many_events": ErrorCode(413, "The body holds too many events.", "Send fewer at once."),
    "too_many_values": ErrorCode(413, "The body holds too many JSON values.", "Send fewer at once."),
    "answer_too_large": ErrorCode(413, "The answer for so many long ids would be too large.", "Send fewer at once."),
    "unsupported_media_type": ErrorCode(415, "The path is not for this content type.", "Send none."),
    "library_not_taken": ErrorCode(
        422, "Calls of this library are not taken here.", "Send with another: the message says which are taken."
    ),
    "all_rejected": ErrorCode(422, "Every event was rejected.", "See `events`, which says why, for each."),
    "quota_exceeded": ErrorCode(
        429, "The project sends more than its quotas allow.", "Send the same again after Retry-After."
    ),
    "too_many_unknown_keys": ErrorCode(
        429, "Too many unknown keys are tried here.", "Send the same again after Retry-After."
    ),
    "too_many_requests": ErrorCode(
        429, "This stage, or its account, gets too many requests.", "Send the same again after Retry-After."
    ),
    "internal_error": ErrorCode(500, "Something broke on our side.", "Tell the operators, who find it in the log."),
    "queue_unavailable": ErrorCode(503, "Not every event could be queued.", "Send the same again after Retry-After."),
    "store_unavailable": ErrorCode(503, "The store did not answer.", "Send or ask the same again after Retry-After."),
    "timed_out": ErrorCode(503, "It took longer than 29 seconds.", "Send or ask the same again after Retry-After."),
    "unknown_data_format": ErrorCode(
        503, "The stage's data was written by another version.", "Send the same again once it is upgraded."
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
    """Some messages must be delivered again. The finished ones are deleted before, so the queue returns only others."""
