"""The keys of the one table. No other module builds or reads parts of them.

Most partition keys start with the project and "#", which a project's name cannot contain. Keys of the whole stage, and
keys that few functions may write, start with "#" and their kind. IAM policies compare the start of a key. So a text
that users send is always the last part of a key.

    item            partition key                 sort key
    event           PROJECT#e#USER                TIME#EVENT_ID
    pointer         PROJECT#e#USER                TIME#EVENT_ID, the natural key of an event that is stored elsewhere
    guard           PROJECT#g#USER                EVENT_ID
    guard of an id  PROJECT#i#EVENT_ID            -
    commit record   PROJECT#d#DAY#SHARD           c#HHMM#OWNER
    failure         PROJECT#d#DAY#SHARD           f#HHMM#OWNER
    counter         PROJECT#d#DAY#SHARD           n#HH#EVENT_TYPE
    day             PROJECT#days                  DAY#SHARD
    day totals      PROJECT#totals                DAY
    report          PROJECT#r#GRAIN               WINDOW
    hour summary    PROJECT#summary#DAY           HOUR
    catalogue       #catalogue#PROJECT            VERSION
    quota           #quota#PROJECT                MINUTE
    old hours       #quota#PROJECT                DAY#PARTS#PART
    rejections      #rejected#PROJECT             TIME#RANDOM
    project         #projects                     PROJECT
    access key      #keys                         KEY_ID
    data format     #stage                        format
    mark            #marks#SHARD                  PROJECT#HOUR_OF_PUTTING#HOUR
    unfinished      #unfinished                   PROJECT#GRAIN#WINDOW
    turn            #turn                         -, or quarantine
    ledger          #ledger#SHARD                 HOUR
    quarantined     #quarantine                   PROJECT#CHUNK_ID, or #MESSAGE_ID of an undecodable message
    its place       #quarantine-by-time           TIME_OF_QUARANTINING#PROJECT#CHUNK_ID, or the same with a MESSAGE_ID
    its sums        #quarantine-sums              HOUR_OF_RECEIPT#SHARD, or -#SHARD for those of all hours
"""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from typing import NamedTuple

from chalicelib.core import timestamps, windows
from chalicelib.core.chunk_id import hour_of, newest_minute_of, owner_of
from chalicelib.core.event import EventRef
from chalicelib.core.windows import Window

# The writes of an hour are spread over this many partitions, each with 1,000 write units a second. The shard in a
# commit record's key depends on this number. If it changed, chunks in flight would be committed twice.
SHARDS = 8

_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Key(NamedTuple):
    pk: str
    sk: str


class Range(NamedTuple):
    """The sort keys with first <= sk < after."""

    first: str
    after: str


def is_project_name(name: str) -> bool:
    return _PROJECT.fullmatch(name) is not None


def user_partition(project: str, user: str) -> str:
    return f"{project}#e#{user}"


def event_item(project: str, ref: EventRef) -> Key:
    return Key(user_partition(project, ref.user), f"{ref.time}#{ref.event_id}")


def parse_event_item(key: Key) -> tuple[str, EventRef]:
    """Return the project and the reference of an event."""
    project, _, user = key.pk.partition("#e#")
    time, _, event_id = key.sk.partition("#")
    return project, EventRef(time, user, event_id)


def guard_item(project: str, user: str, event_id: str) -> Key:
    return Key(f"{project}#g#{user}", event_id)


def id_guard_item(project: str, event_id: str) -> Key:
    """Return the key of a guard by id alone. Each guard has its own partition.

    In a common partition, ids that sort by time would all be written at the same end.
    """
    return Key(f"{project}#i#{event_id}", "-")


def shard_of(chunk_id: str) -> int:
    """Return the shard of a chunk's commit record. It is the same for every attempt."""
    return zlib.crc32(chunk_id.encode()) % SHARDS


def day_partitions(project: str, day: str) -> list[str]:
    """Return the partitions of a day's commit records, counters and failure notes."""
    return [_day_partition(project, day, shard) for shard in range(SHARDS)]


def _day_partition(project: str, day: str, shard: int) -> str:
    return f"{project}#d#{day}#{shard}"


def commit_record(project: str, chunk_id: str) -> Key:
    return _of_chunk("c", project, chunk_id)


def failure_note(project: str, chunk_id: str) -> Key:
    return _of_chunk("f", project, chunk_id)


def _of_chunk(kind: str, project: str, chunk_id: str) -> Key:
    """Return the key of a chunk's item.

    The id of a single-event chunk contains the key of its event, with the user. The key of the item leaves this out.
    """
    owner = owner_of(chunk_id)
    pk = _day_partition(project, windows.DAY.name_of(hour_of(owner)), shard_of(owner))
    return Key(pk, f"{kind}#{place_of_record(owner)}")


def parse_commit_record(key: Key) -> tuple[str, str]:
    """Return the project and the chunk_id. The id of a single-event chunk lacks the key of its event."""
    return key.pk.partition("#")[0], key.sk.split("#", 2)[2]


def is_commit_record(key: Key) -> bool:
    return key.pk.partition("#")[2].startswith("d#") and key.sk.startswith("c#")


def place_of_record(chunk_id: str) -> str:
    """Return the place of a commit record among those of its day: HHMM of its newest event, `#` and its owner."""
    owner = owner_of(chunk_id)
    _, hour = windows.day_and_hour(hour_of(owner))
    return f"{hour}{newest_minute_of(owner)}#{owner}"


def commit_records_between(first: str, after: str) -> Range:
    """Return the range of the commit records of a day at places with first <= place < after."""
    return Range(f"c#{first}", f"c#{after}")


def commit_records_of(hour: str) -> Range:
    """Return the range of an hour's commit records in the partitions of its day."""
    _, hour_of_day = windows.day_and_hour(hour)
    return commit_records_between(hour_of_day, f"{hour_of_day}~")


#: The counters in the partitions of a day.
COUNTERS = Range("n#", "n$")


def counter(project: str, hour: str, event_type: str, shard: int) -> Key:
    day, hour_of_day = windows.day_and_hour(hour)
    return Key(_day_partition(project, day, shard), f"n#{hour_of_day}#{event_type}")


def parse_counter(key: Key) -> tuple[str, str, str]:
    """Return the project, the hour and the event type."""
    project, _, day, _ = key.pk.split("#")
    _, hour_of_day, event_type = key.sk.split("#", 2)
    return project, windows.join_hour(day, hour_of_day), event_type


def days_partition(project: str) -> str:
    return f"{project}#days"


def day(project: str, day: str, shard: int) -> Key:
    return Key(days_partition(project), f"{day}#{shard}")


def parse_day(key: Key) -> tuple[str, str]:
    """Return the project and the day."""
    return key.pk.partition("#")[0], key.sk.partition("#")[0]


def totals_partition(project: str) -> str:
    return f"{project}#totals"


def day_totals(project: str, day: str) -> Key:
    return Key(totals_partition(project), day)


def parse_day_totals(key: Key) -> str:
    """Return the day. Raises ValueError if the key is not a key of day totals."""
    _check(Window(key.pk.partition("#")[0], windows.DAY.name, key.sk))
    return key.sk


def report_partition(project: str, grain: str) -> str:
    return f"{project}#r#{grain}"


def report(window: Window) -> Key:
    return Key(report_partition(window.project, window.grain), window.name)


def parse_report(key: Key) -> Window:
    project, _, grain = key.pk.split("#")
    return Window(project, grain, key.sk)


def hour_summaries_partition(project: str, day: str) -> str:
    return f"{project}#summary#{day}"


def hour_summary(project: str, hour: str) -> Key:
    return Key(hour_summaries_partition(project, windows.DAY.name_of(hour)), hour)


MARKS_PARTITIONS = [f"#marks#{shard}" for shard in range(SHARDS)]


def mark(project: str, put_in: str, hour: str, shard: int) -> Key:
    """Return the key of a mark. The marks of a project sort by the hour in which they were put."""
    return Key(MARKS_PARTITIONS[shard], f"{project}#{put_in}#{hour}")


def parse_mark(key: Key) -> tuple[str, str, str, int]:
    """Return the project, the hour of putting, the hour and the shard. Raises ValueError for other keys."""
    project, put_in, hour = key.sk.split("#")
    for each in (put_in, hour):
        _check(Window(project, windows.HOUR.name, each))
    return project, put_in, hour, int(key.pk.rpartition("#")[2])


def of_project(project: str) -> Range:
    """Return the range of a project's marks in each of their partitions, and of the project's unfinished windows."""
    return Range(f"{project}#", f"{project}$")


class Mark(NamedTuple):
    """A mark on an hour whose reports are out of date. `token`: every commit that marks the hour sets a new token.

    `put_in`: the hour in which the mark was first put. `since`: the earliest time of a commit that no report includes.
    """

    project: str
    hour: str
    shard: int
    token: str
    since: datetime
    put_in: str

    @property
    def put_at(self) -> datetime:
        """When the mark was last put."""
        return datetime.fromtimestamp(int(self.token.partition("-")[0]), UTC)


#: The project whose turn began last.
TURN = Key("#turn", "-")
#: The position up to which the quarantine was last examined.
QUARANTINE_TURN = Key("#turn", "quarantine")


LEDGER_PARTITIONS = [f"#ledger#{shard}" for shard in range(SHARDS)]


def ledger(received_hour: str, shard: int) -> Key:
    return Key(LEDGER_PARTITIONS[shard], received_hour)


def parse_ledger(key: Key) -> str:
    """Return the hour of receipt."""
    return key.sk


UNFINISHED = "#unfinished"


def unfinished(window: Window) -> Key:
    return Key(UNFINISHED, "#".join(window))


def parse_unfinished(key: Key) -> Window:
    """Return the window. Raises ValueError or TypeError if the key is not the key of an unfinished window."""
    window = Window(*key.sk.split("#"))
    _check(window)
    return window


def _check(window: Window) -> None:
    if not (is_project_name(window.project) and windows.is_reported(window)):
        raise ValueError("not a window of a project")


PROJECTS, ACCESS_KEYS = "#projects", "#keys"
#: The partition of the stage's own records.
STAGE = "#stage"
DATA_FORMAT = Key(STAGE, "format")
_CATALOGUE, _QUOTA, _REJECTED = "#catalogue#", "#quota#", "#rejected#"

#: Partitions as patterns of IAM, in which `*` stands for any text.
QUOTAS, REJECTIONS = f"{_QUOTA}*", f"{_REJECTED}*"
#: Partitions that only operators may write.
OPERATORS_PARTITIONS = (PROJECTS, ACCESS_KEYS, STAGE, f"{_CATALOGUE}*")


def project(name: str) -> Key:
    return Key(PROJECTS, name)


def access_key(key_id: str) -> Key:
    return Key(ACCESS_KEYS, key_id)


def catalogue(project: str, version: str) -> Key:
    return Key(f"{_CATALOGUE}{project}", version)


def quota(project: str, minute: str) -> Key:
    return Key(f"{_QUOTA}{project}", minute)


def old_hours(project: str, day: str, parts: int, part: int) -> Key:
    """Return the key of one part of the old hours that a project has sent on a day."""
    return Key(quota(project, day).pk, f"{day}#{parts}#{part}")


def rejections_partition(project: str) -> str:
    return f"{_REJECTED}{project}"


def rejection(project: str, name: str) -> Key:
    return Key(rejections_partition(project), name)


def parse_rejection(key: Key) -> tuple[str, str]:
    """Return the project and the name, which begins with a time. Raises ValueError for other keys."""
    timestamps.parse(key.sk.partition("#")[0])
    return key.pk.removeprefix(_REJECTED), key.sk


QUARANTINE, QUARANTINE_BY_TIME, QUARANTINE_SUMS = "#quarantine", "#quarantine-by-time", "#quarantine-sums"


def quarantine_record(project: str | None, name: str) -> Key:
    """Return the key of an entry. `name`: the id of a chunk, or the id of an undecodable message (without project)."""
    return Key(QUARANTINE, f"{project or ''}#{name}")


def parse_quarantine_record(key: Key) -> tuple[str | None, str]:
    """Return the project, or None, and the name."""
    project, _, name = key.sk.partition("#")
    return project or None, name


def quarantine_place(time: str, project: str | None, name: str) -> Key:
    """Return the key under which an entry sorts by time."""
    return Key(QUARANTINE_BY_TIME, f"{time}#{quarantine_record(project, name).sk}")


def parse_quarantine_place(key: Key) -> tuple[str | None, str]:
    """Return the project, or None, and the name."""
    return parse_quarantine_record(Key(QUARANTINE, key.sk.partition("#")[2]))


_ALL_HOURS = "-"
#: The sums of all entries.
QUARANTINE_TOTALS = Range(f"{_ALL_HOURS}#", f"{_ALL_HOURS}$")


def quarantine_sums(received_hour: str | None, shard: int) -> Key:
    """Return the key of the sums of the chunks received in an hour, or of all entries."""
    return Key(QUARANTINE_SUMS, f"{received_hour or _ALL_HOURS}#{shard}")


def is_operators(partition: str) -> bool:
    """Return whether only operators may write the partition."""
    return partition in OPERATORS_PARTITIONS or partition.startswith(_CATALOGUE)
