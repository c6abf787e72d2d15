"""The item of a commit record."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.adapters.items import Item, key_item, key_of, number, text
from chalicelib.core import commit, summary, table_keys
from chalicelib.core.chunk_id import minted_at, owner_of, single_ref
from chalicelib.core.commit import CommitRecord
from chalicelib.core.summary import RecordSums


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
    if single_ref(record.chunk_id):
        item["d"] = {"BOOL": True}
    if record.waits_for:
        item["w"] = text(" ".join(record.waits_for))
    return item


def record_of(item: Item) -> CommitRecord:
    owned, value_counts = commit.unpack_summary(item["s"]["B"])
    project, chunk_id = table_keys.parse_commit_record(key_of(item))
    return CommitRecord(
        project=project,
        chunk_id=chunk_id,
        accepted=int(item["n"]["N"]),
        owned=owned,
        value_counts=value_counts,
        archive_object=item["o"]["S"] if "o" in item else None,
        received=item["r"]["S"],
        erased=int(item["e"]["N"]) if "e" in item else 0,
        waits_for=tuple(item["w"]["S"].split()) if "w" in item else (),
    )


def sums_of(item: Item) -> RecordSums:
    """Return the sums of a record, without its events."""
    return summary.unpack_sums(item["s"]["B"], erased=int(item["e"]["N"]) if "e" in item else 0)


def update_part(before: CommitRecord, after: CommitRecord) -> Item:
    """Return the part of a transaction that replaces the events of a record.

    The transaction fails if the record has changed.
    """
    return {
        "Update": {
            "Key": key_item(table_keys.commit_record(before.project, before.chunk_id)),
            "UpdateExpression": "SET s = :summary, k = :stored, e = :erased",
            # A record only ever loses events, so an equal number means the same events.
            "ConditionExpression": "k = :before",
            "ExpressionAttributeValues": {
                ":summary": {"B": commit.pack_summary(after)},
                ":stored": number(after.stored),
                ":erased": number(after.erased),
                ":before": number(before.stored),
            },
        }
    }


def is_record_of(chunk_id: str, item: Item) -> bool:
    """Return whether the record under a chunk's key belongs to this chunk_id.

    The attribute `d` marks the record of a single-event chunk. Such a chunk has a record of its own only if its event
    is a duplicate.
    """
    return ("d" in item) == (chunk_id != owner_of(chunk_id))


def is_committed(chunk_id: str, item: Item) -> bool:
    """Return whether the item under a chunk's own key proves its commit.

    A record always proves it. The item of an event proves it if the single-event chunk owns the event (`c`) and the
    item names a record (`i`). The same holds for an erased event.
    """
    return "c" not in item or ("i" in item and item["c"]["S"] == owner_of(chunk_id))
