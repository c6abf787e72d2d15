"""Every limit of the product, with the reason for its number."""

import json
from typing import Any

# A synchronous Lambda call takes 6 MB, and a binary body arrives in base64 (4/3):
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BODY_BYTES = 4 * 1024 * 1024
# API Gateway hands bodies of these types over as bytes; anything else as text, in which every byte that is no UTF-8 is
# lost: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html
BYTE_TYPES = (
    *("application/gzip", "application/octet-stream", "application/x-gzip"),
    *("text/plain", "application/x-www-form-urlencoded"),  # what libraries call their gzip
)
# A gzip bomb is cut here.
MAX_INFLATED_BYTES = 6 * 1024 * 1024
# Parsed, a JSON value takes up to 130 bytes (objects of one field), whatever its text takes, and a function has 512 MB.
# 2,500 events may have 200 values each.
MAX_VALUES = 500_000
# Each member is a gzip file of its own, and costs its own set-up; a POST of as many events has no more.
MAX_GZIP_MEMBERS = 2500
# The Segment specification's largest batch and event.
MAX_EVENTS_PER_POST = 2500
# What one POST may become in the queue. Escaped to ASCII, JSON grows to three times its size at most, and a hashed user
# id may be longer than the id.
MAX_QUEUED_BYTES = 4 * MAX_INFLATED_BYTES
# Steps (looks at a value for a keyword of its schema) that the checks of a POST may take, beside those that its events
# bring: about what a request costs anyway.
CHECK_STEPS = 20_000
MAX_EVENT_BYTES = 32 * 1024
# PostHog's exceptions bring source lines and its AI events whole conversations; its libraries send up to 1 MB. With its
# sender, such an event fits an item (400 KB).
MAX_POSTHOG_EVENT_BYTES = 128 * 1024
# DynamoDB nests 32 deep and JSON parsers differ above a few dozen; nobody's event needs more.
MAX_DEPTH = 20
# DynamoDB numbers have 38 digits; Athena's DECIMAL has as many.
MAX_INTEGER_DIGITS = 38
# In characters. Sort key: 27 of time + "#" + 4 bytes each stay below 1,024 bytes; partition keys take 2,048.
MAX_EVENT_ID_LENGTH = 200
MAX_USER_LENGTH = 256
MAX_TYPE_LENGTH = 100
# Clocks run ahead; more than a day is an error of the client.
MAX_FUTURE_SECONDS = 24 * 3600
# Each different hour older than yesterday is a chunk, a mark, reports and objects of its own. So many are 13 months.
OLD_HOURS_A_DAY = 10_000

# One commit is one TransactWriteItems: 100 items, 4 MB.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
MAX_COMMIT_ITEMS = 100
MAX_COMMIT_BYTES = 3_500_000
# A chunk alone needs its record, a mark, a day and one counter for each type: below 100.
MAX_CHUNK_TYPES = 90
MAX_CHUNK_EVENTS = 500
# Its commit record repeats less than the message holds and must fit an item (400 KB). A larger event is a chunk alone.
MAX_CHUNK_BYTES = 200_000
# Who sent a POST: an address, and a user agent, of which longer ones are cut.
MAX_SENDER_LENGTH = 1024
# The largest event, escaped to ASCII (up to three times its size), with names of fields that it did not come with.
# Around it a message says who sent it, escaped to up to 12 characters each. A message of SQS takes 1 MiB.
MAX_QUEUE_MESSAGE_BYTES = 3 * MAX_POSTHOG_EVENT_BYTES + 4096 + 2 * 12 * MAX_SENDER_LENGTH
# Of a POST its events at most; a replay may find the lines of a POST in several objects that crashes left.
MAX_REPEATS = 100 * MAX_EVENTS_PER_POST

# A single's event is written in a transaction, which takes two write units for each KB, in place of one unit and
# two for a commit record: that pays up to 1 KB. What the table keeps is about as long as this text of the event:
# who sent it is added, and it is compressed.
MAX_SINGLE_BYTES = 1_000
# A chunk_id is part of sort keys and of names in S3 (1,024 bytes each), and a single's holds the key of its event.
MAX_SINGLE_ID = 400

# An erasure takes an item for each event, at most one counter for each, a record and a mark.
MAX_ERASED_AT_ONCE = (MAX_COMMIT_ITEMS - 2) // 2

# A report lists this many values of a property, each cut to this many characters.
TOP_VALUES = 10
MAX_TOP_VALUE_LENGTH = 200
# Names and numbers of its event types, escaped: some thousand types.
MAX_REPORT_TYPES_BYTES = 40_000
# SNS takes 256 KB, of which subject and attributes need little: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MAX_MESSAGE_BYTES = 260_000
# Marks of a project in one shard that a question reads: one page of DynamoDB's.
MAX_READ_MARKS = 8_000

# An hour summary up to this size, compressed, lies in the table, so that one page of a query (1 MB) brings a day's; an
# item takes 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html
MAX_SUMMARY_ITEM_BYTES = 16_000

# After this long a request makes no further call and answers 503. API Gateway gives it up after 29 s, and the last call
# may take retries.CALL.most_seconds: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
REQUEST_SECONDS = 18
# An invocation makes no further call in its last second: what it has to say must still be written.
LAST_SECONDS = 1
# Inserts that the processor makes before it asks for the time: eight calls side by side.
MAX_CLAIMS_AT_ONCE = 200

# How long a function uses what it read of keys, projects and the data format: so long a revoked key may still work.
REMEMBERED_SECONDS = 20

DEFAULT_PAGE = 100
MAX_PAGE = 1000
# What a question reads at most, whatever it finds: of events of 500 bytes three pages of DynamoDB's, which have 1 MB
# each, of 32 KB 160, and of PostHog's largest 640. API Gateway waits for 29 s.
MAX_EXAMINED = 5_000
# Of an hour so many events are put into the order of their times. Each page that begins in an hour reads them again.
SORTED_EVENTS = 1_000
# Of one of the 8 shards of a day. What was read of a shard in vain is at most one page.
MAX_PAGE_RECORDS = 64
# The days whose records or counters a search for a project's events reads: 8 queries each, side by side, some 10 ms.
MAX_SEARCHED_DAYS = 60
# A synchronous Lambda answer takes 6 MB, of which the envelope needs little.
MAX_ANSWER_BYTES = 5_500_000
# Windows of one answer of /counts: a year of hours, or a week of minutes; and days.
MAX_COUNT_WINDOWS = 11_000
MAX_COUNT_DAYS = 1_500
# What one answer of /counts reads. A day's counters are 8 queries, one after the other: 10 ms each are 5 s. Of days
# that were summed up, a query brings 1 MB; as many bytes as here are unpacked in a second or two.
MAX_COUNTED_DAYS = 60
MAX_COUNT_TOTALS_BYTES = 8_000_000
# An item takes 400 KB. A day of more types is counted each time.
MAX_TOTALS_BYTES = 350_000
# Hours of types of a day, each of some bytes in that item, and of 1 KB in memory.
MAX_TOTALS_ENTRIES = 50_000


# Of a verdict. With these, those of the most rejected events that a POST may hold fit into one answer.
MAX_REASON_BYTES = 1_200
MAX_FIELD_BYTES = 600


def answer_bytes(document: Any) -> int:
    """The size of a document in a Lambda answer, where the JSON of the body is a string in JSON."""
    return len(json.dumps(json.dumps(document)))


def shortened(text: str, most_bytes: int) -> str:
    """The text, or the start of it, if it would take more bytes than this in an answer."""
    # Escaped twice, a character takes up to 14 bytes.
    return text if answer_bytes(text) <= most_bytes else text[: most_bytes // 14 - 1] + "…"
