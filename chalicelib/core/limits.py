"""Every limit of the product, with the reason for its number."""

import json
from typing import Any

# A synchronous Lambda call takes 6 MB, and a binary body arrives in base64 (4/3):
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BODY_BYTES = 4 * 1024 * 1024
# API Gateway passes bodies of these types on as bytes. It turns others into text and loses every byte that is not
# UTF-8: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html
BYTE_TYPES = (
    *("application/gzip", "application/octet-stream", "application/x-gzip"),
    *("text/plain", "application/x-www-form-urlencoded"),  # libraries use these for gzip bodies
)
# Protects against gzip bombs.
MAX_INFLATED_BYTES = 6 * 1024 * 1024
# A parsed JSON value takes up to 130 bytes of memory, however short its text. (Objects of one field take the most.) A
# function has 512 MB. With this limit, each of 2,500 events may have 200 values.
MAX_VALUES = 500_000
# Each member is a separate gzip file with a set-up cost. No POST needs more members than events.
MAX_GZIP_MEMBERS = 2500
# The largest batch of the Segment specification.
MAX_EVENTS_PER_POST = 2500
# All messages of one POST together. Escaped to ASCII, JSON grows to three times its size at most. A hashed user id may
# be longer than the id.
MAX_QUEUED_BYTES = 4 * MAX_INFLATED_BYTES
# The schema checks of a POST may take this many steps, plus a number for each event (catalogue.py). A step checks one
# value against one keyword. This many steps take about as long as the rest of a request.
CHECK_STEPS = 20_000
MAX_EVENT_BYTES = 32 * 1024
# PostHog's exceptions contain source lines, and its AI events contain whole conversations. Its libraries send up to
# 1 MB. An event of this size fits an item (400 KB), together with the sender.
MAX_POSTHOG_EVENT_BYTES = 128 * 1024
# DynamoDB allows 32 levels, and JSON parsers differ above a few dozen. No real event needs more.
MAX_DEPTH = 20
# DynamoDB numbers have 38 digits; Athena's DECIMAL has as many.
MAX_INTEGER_DIGITS = 38
# In characters of up to 4 bytes. A sort key (27 bytes of time, "#", and the id) stays below 1,024 bytes. A partition
# key may have 2,048 bytes.
MAX_EVENT_ID_LENGTH = 200
MAX_USER_LENGTH = 256
MAX_TYPE_LENGTH = 100
# Clocks run ahead, but a time more than a day ahead is an error of the client.
MAX_FUTURE_SECONDS = 24 * 3600
# Each different hour older than yesterday makes a chunk, a mark, reports and objects. 10,000 hours are 13 months.
OLD_HOURS_A_DAY = 10_000

# One commit is one TransactWriteItems: 100 items, 4 MB.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
MAX_COMMIT_ITEMS = 100
MAX_COMMIT_BYTES = 3_500_000
# A chunk that is committed alone needs its record, a mark, a day and one counter for each type: below 100 items.
MAX_CHUNK_TYPES = 90
MAX_CHUNK_EVENTS = 500
# The commit record holds less than the message, and must fit an item (400 KB). A larger event gets a chunk of its own.
MAX_CHUNK_BYTES = 200_000
# Addresses and user agents are cut to this length.
MAX_SENDER_LENGTH = 1024
# The parts of the sum: the largest event, escaped to ASCII (up to three times its size), the names of the fields that
# ingestion adds, and the sender's address and user agent. Escaped, each of their characters takes up to 12 bytes. A
# message of SQS may have 1 MiB.
MAX_QUEUE_MESSAGE_BYTES = 3 * MAX_POSTHOG_EVENT_BYTES + 4096 + 2 * 12 * MAX_SENDER_LENGTH
# The repeats of a POST are at most its own events. After crashes, a replay may find the lines of a POST in several
# objects.
MAX_REPEATS = 100 * MAX_EVENTS_PER_POST

# A single-event chunk's event is written in a transaction, at two write units for each KB. In another chunk, the event
# takes one unit, and the commit record takes two. So a single-event chunk is cheaper up to 1 KB. This limits the
# event's JSON. The stored item is about as long: it has the sender too, but it is compressed.
MAX_SINGLE_BYTES = 1_000
# A chunk_id is part of sort keys and S3 names (1,024 bytes each). The id of a single-event chunk contains the event's
# key.
MAX_SINGLE_ID = 400

# An erasure writes one item and at most one counter for each event, and a record and a mark.
MAX_ERASED_AT_ONCE = (MAX_COMMIT_ITEMS - 2) // 2

# A report lists this many values of a property, each cut to this many characters.
TOP_VALUES = 10
MAX_TOP_VALUE_LENGTH = 200
# The names and counts of a report's event types may take this many bytes, escaped. A few thousand types fit.
MAX_REPORT_TYPES_BYTES = 40_000
# SNS takes 256 KB, of which subject and attributes need little: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MAX_MESSAGE_BYTES = 260_000
# A query reads at most this many marks of a project from each shard: one page of DynamoDB.
MAX_READ_MARKS = 8_000

# A compressed hour summary up to this size is stored in the table. So one page of a query (1 MB) returns all summaries
# of a day.
# An item takes 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html
MAX_SUMMARY_ITEM_BYTES = 16_000

# After this many seconds, a request makes no further call and answers 503. API Gateway times out after 29 s, and a call
# may take retries.CALL.most_seconds: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
REQUEST_SECONDS = 18
# An invocation makes no call in its last second: it must still write its logs and metrics.
LAST_SECONDS = 1
# Inserts that the processor makes before it checks the remaining time: eight calls side by side.
MAX_CLAIMS_AT_ONCE = 200

# How long a function caches keys, projects and the data format. A revoked key may still work during this time.
REMEMBERED_SECONDS = 20

DEFAULT_PAGE = 100
MAX_PAGE = 1000
# A query reads at most this many events, whatever it finds. DynamoDB's pages have 1 MB. This many events fill 3 pages
# at 500 bytes each, 160 pages at 32 KB each, and 640 pages at PostHog's largest size. API Gateway waits for 29 s.
MAX_EXAMINED = 5_000
# A search sorts at most this many events of an hour by time. Each page that begins in the hour reads them again.
SORTED_EVENTS = 1_000
# The most commit records that a search reads at once from each of the 8 shards of a day.
MAX_PAGE_RECORDS = 64
# A search for a project's events reads the records or counters of at most this many days. A day takes 8 parallel
# queries, about 10 ms.
MAX_SEARCHED_DAYS = 60
# A synchronous Lambda answer may have 6 MB. The envelope needs little of it.
MAX_ANSWER_BYTES = 5_500_000
# One answer of /counts has at most this many windows (a year of hours, or a week of minutes), and this many days.
MAX_COUNT_WINDOWS = 11_000
MAX_COUNT_DAYS = 1_500
# One answer of /counts reads the counters of at most this many days, and at most this many bytes of day totals. A day's
# counters take 8 queries, one after the other, at 10 ms each: 60 days take 5 s. A query returns 1 MB of day totals, and
# 8 MB are unpacked in one or two seconds.
MAX_COUNTED_DAYS = 60
MAX_COUNT_TOTALS_BYTES = 8_000_000
# An item takes 400 KB. A day with more types has no totals, so every query counts it again.
MAX_TOTALS_BYTES = 350_000
# Day totals have at most this many pairs of type and hour. Each takes some bytes in the item, and 1 KB in memory.
MAX_TOTALS_ENTRIES = 50_000


# Limits on the texts of a verdict. With these, the verdicts of the largest rejected POST fit one answer.
MAX_REASON_BYTES = 1_200
MAX_FIELD_BYTES = 600


def answer_bytes(document: Any) -> int:
    """Return the size of a document in a Lambda answer, which holds the body's JSON as a JSON string."""
    return len(json.dumps(json.dumps(document)))


def shortened(text: str, most_bytes: int) -> str:
    """Return the text, or its start if the whole text would take more than `most_bytes` in an answer."""
    # Escaped twice, a character takes up to 14 bytes.
    return text if answer_bytes(text) <= most_bytes else text[: most_bytes // 14 - 1] + "…"
