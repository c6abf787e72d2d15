"""The keys of the one table, and the event key that clients see.

Every partition key starts with the project and "#" (a project's name never holds one) or, for what
belongs to the whole stage, with "#". What follows last in a key may hold anything.

    item            partition key                 sort key
    event           PROJECT#e#USER                TIME#EVENT_ID
    guard           PROJECT#g#USER                EVENT_ID
    guard of an id  PROJECT#i#EVENT_ID            -
    commit record   PROJECT#d#DAY#SHARD           c#HHMM#CHUNK_ID
    failure         PROJECT#d#DAY#SHARD           f#HHMM#CHUNK_ID
    counter         PROJECT#d#DAY#SHARD           n#HH#EVENT_TYPE
    day             PROJECT#days                  DAY#SHARD
    report          PROJECT#r#GRAIN               WINDOW
    hour summary    PROJECT#summary#DAY           HOUR
    catalogue       PROJECT#catalogue             VERSION
    quota           PROJECT#quota                 MINUTE
    rejections      PROJECT#rejected              TIME#RANDOM
    project         #projects                     PROJECT
    access key      #keys                         KEY_ID
    data format     #stage                        format
    mark            #marks#SHARD                  PROJECT#HOUR
    unfinished      #unfinished                   PROJECT#GRAIN#WINDOW
    ledger          #ledger#SHARD                 HOUR#PROJECT
    quarantined     #quarantine                   PROJECT#CHUNK_ID, or #MESSAGE_ID of what is no chunk
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from datetime import UTC, datetime
from typing import NamedTuple

from chalicelib.core import limits

# Writes of one hour spread over this many partitions (1,000 write units a second each). It is part
# of every commit record's key: changing it makes chunks in flight commit twice.
SHARDS = 8

_TIME_LENGTH = 27
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Key(NamedTuple):
    pk: str
    sk: str


def is_project_name(name: str) -> bool:
    return _PROJECT.fullmatch(name) is not None


def user_partition(project: str, user: str) -> str:
    return f"{project}#e#{user}"


def event_item(project: str, ref: EventRef) -> Key:
    return Key(user_partition(project, ref.user), f"{ref.time}#{ref.event_id}")


def guard_item(project: str, user: str, event_id: str) -> Key:
    return Key(f"{project}#g#{user}", event_id)


def id_guard_item(project: str, event_id: str) -> Key:
    """The guard of an id that is the event's own whatever its user: a partition each, since such ids sort by time."""
    return Key(f"{project}#i#{event_id}", "-")


def shard_of(chunk_id: str) -> int:
    """The shard that holds a chunk's commit record, the same for every attempt."""
    return zlib.crc32(chunk_id.encode()) % SHARDS


def day_partition(project: str, day: str, shard: int) -> str:
    return f"{project}#d#{day}#{shard}"


def commit_record(project: str, chunk_id: str) -> Key:
    return _of_chunk("c", project, chunk_id)


def failure_note(project: str, chunk_id: str) -> Key:
    return _of_chunk("f", project, chunk_id)


def _of_chunk(kind: str, project: str, chunk_id: str) -> Key:
    day, minute = chunk_id[27:37], chunk_id[38:42]
    return Key(day_partition(project, day, shard_of(chunk_id)), f"{kind}#{minute}#{chunk_id}")


def counter(project: str, hour: str, event_type: str, shard: int) -> Key:
    return Key(day_partition(project, hour[:10], shard), f"n#{hour[11:13]}#{event_type}")


def days_partition(project: str) -> str:
    return f"{project}#days"


def day(project: str, day: str, shard: int) -> Key:
    return Key(days_partition(project), f"{day}#{shard}")


def report_partition(project: str, grain: str) -> str:
    return f"{project}#r#{grain}"


def report(project: str, grain: str, window: str) -> Key:
    return Key(report_partition(project, grain), window)


def hour_summaries_partition(project: str, day: str) -> str:
    return f"{project}#summary#{day}"


def hour_summary(project: str, hour: str) -> Key:
    return Key(hour_summaries_partition(project, hour[:10]), hour)


def marks_partition(shard: int) -> str:
    return f"#marks#{shard}"


def mark(project: str, hour: str, shard: int) -> Key:
    return Key(marks_partition(shard), f"{project}#{hour}")


class Mark(NamedTuple):
    """A mark on an hour that gained events; `token` is new with every commit that touches the hour."""

    project: str
    hour: str
    shard: int
    token: str

    @property
    def put_at(self) -> datetime:
        """When the mark was put, last."""
        return datetime.fromtimestamp(int(self.token.partition("-")[0]), UTC)


def ledger_partition(shard: int) -> str:
    return f"#ledger#{shard}"


def ledger(received_hour: str, project: str, shard: int) -> Key:
    return Key(ledger_partition(shard), f"{received_hour}#{project}")


UNFINISHED = "#unfinished"


def unfinished(project: str, grain: str, window: str) -> Key:
    return Key(UNFINISHED, f"{project}#{grain}#{window}")


PROJECTS, ACCESS_KEYS = "#projects", "#keys"
#: What is recorded of the stage itself.
STAGE = "#stage"
DATA_FORMAT = Key(STAGE, "format")


def project(name: str) -> Key:
    return Key(PROJECTS, name)


def access_key(key_id: str) -> Key:
    return Key(ACCESS_KEYS, key_id)


def catalogue(project: str, version: str) -> Key:
    return Key(f"{project}#catalogue", version)


def quota(project: str, minute: str) -> Key:
    return Key(f"{project}#quota", minute)


def rejections_partition(project: str) -> str:
    return f"{project}#rejected"


QUARANTINE = "#quarantine"


def quarantine_record(project: str | None, name: str) -> Key:
    """Of a chunk by its id; of what is no chunk, and so of no project, by its message id."""
    return Key(QUARANTINE, f"{project or ''}#{name}")


class EventRef(NamedTuple):
    """What names an event inside its project, in the order of the time index."""

    time: str
    user: str
    event_id: str


def parse_event_item(pk: str, sk: str) -> tuple[str, EventRef]:
    """The inverse of `event_item`: the project, and what names the event."""
    project, _, user = pk.partition("#e#")
    time, _, event_id = sk.partition("#")
    return project, EventRef(time, user, event_id)


def event_key(ref: EventRef) -> str:
    """The opaque key of an event, safe in a URL."""
    return base64.urlsafe_b64encode(_encode(ref).encode()).decode().rstrip("=")


def parse_event_key(key: str) -> EventRef | None:
    """The inverse of `event_key`; None for what is no key of an event that could exist."""
    try:
        parts = json.loads(base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True))
        ref = EventRef(*parts)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        return None
    parts_fit = (
        is_text(ref.time, _TIME_LENGTH)
        and is_text(ref.user, limits.MAX_USER_LENGTH)
        and is_text(ref.event_id, limits.MAX_EVENT_ID_LENGTH)
    )
    return ref if parts_fit and event_key(ref) == key else None


def is_text(value: object, max_length: int) -> bool:
    """Whether a value can be part of a key: a string, not empty or too long, and whole in UTF-8."""
    if not isinstance(value, str) or not 0 < len(value) <= max_length:
        return False
    return value.isascii() or not _HALF_A_PAIR.search(value)
