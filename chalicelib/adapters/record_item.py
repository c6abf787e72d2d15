"""The items of the commit log: how records, counters and the quarantine's entries lie in the table."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import uuid4

from chalicelib.adapters.table import Item, key_item, number, text
from chalicelib.core import commit, table_keys
from chalicelib.core.chunk import minted_at, owner_of
from chalicelib.core.commit import CommitRecord
from chalicelib.core.counting import HourCounter
from chalicelib.core.failures import Quarantined


def record_item(record: CommitRecord, retention: timedelta) -> Item:
    expiry = minted_at(record.chunk_id) + retention
    item = key_item(table_keys.commit_record(record.project, record.chunk_id)) | {
        "n": number(record.accepted),
        "k": number(record.stored),
        "s": {"B": commit.pack_summary(record)},
        "r": text(record.received),
        "x": number(int(expiry.timestamp())),
    }
    if record.archive_object is not None:
        item["o"] = text(record.archive_object)
    return item


def record_of(item: Item) -> CommitRecord:
    owned, value_counts = commit.unpack_summary(item["s"]["B"])
    return CommitRecord(
        project=item["pk"]["S"].partition("#")[0],
        chunk_id=item["sk"]["S"][len("c#HHMM#") :],
        accepted=int(item["n"]["N"]),
        owned=owned,
        value_counts=value_counts,
        archive_object=item["o"]["S"] if "o" in item else None,
        received=item["r"]["S"],
        erased=int(item["e"]["N"]) if "e" in item else 0,
    )


def update_record(table_name: str, before: CommitRecord, after: CommitRecord) -> Item:
    """The transaction's item that replaces what a record owns, if it still is as it was before."""
    return {
        "Update": {
            "TableName": table_name,
            "Key": key_item(table_keys.commit_record(before.project, before.chunk_id)),
            "UpdateExpression": "SET s = :summary, k = :stored, e = :erased",
            # A record only ever loses events: as many as before are the same as before.
            "ConditionExpression": "k = :before",
            "ExpressionAttributeValues": {
                ":summary": {"B": commit.pack_summary(after)},
                ":stored": number(after.stored),
                ":erased": number(after.erased),
                ":before": number(before.stored),
            },
        }
    }


def is_committed(chunk_id: str, item: Item) -> bool:
    """Whether the item under a chunk's own key says so: a record does, and a single's event if it is the single's,
    erased or not, and names the record that it shares.
    """
    return "c" not in item or ("i" in item and item["c"]["S"] == owner_of(chunk_id))


def fresh_token() -> Item:
    """What a mark on a touched hour holds: when it was put, and something that no other has."""
    return {"k": text(f"{time.time():.0f}-{uuid4().hex}")}


def counter_of(item: Item) -> HourCounter:
    day = item["pk"]["S"].split("#")[2]
    _, hour, event_type = item["sk"]["S"].split("#", 2)
    minutes = {name[1:]: int(value["N"]) for name, value in item.items() if name.startswith("m")}
    return HourCounter(f"{day}T{hour}", event_type, minutes)


def quarantine_item(entry: Quarantined) -> Item:
    return key_item(table_keys.quarantine_record(entry.project, entry.name)) | {
        "code": text(entry.code),
        "n": number(entry.accepted),
        "r": text(entry.received),
        "q": text(entry.quarantined),
        "o": text(entry.object_name),
    }


def quarantined_of(item: Item) -> Quarantined:
    project, _, name = item["sk"]["S"].partition("#")
    return Quarantined(
        project=project or None,
        name=name,
        code=item["code"]["S"],
        accepted=int(item["n"]["N"]),
        received=item["r"]["S"],
        quarantined=item["q"]["S"],
        object_name=item["o"]["S"],
    )
