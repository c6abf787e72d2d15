"""The quarantine: each whole message is an object of the bucket, with an entry in the table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from chalicelib.adapters.bucket import Bucket
from chalicelib.adapters.commit_log import CommitLog
from chalicelib.adapters.items import Item, key_item, key_of, number, readable, text
from chalicelib.adapters.table import Table
from chalicelib.core import table_keys
from chalicelib.core.chunk_id import check_id
from chalicelib.core.failures import REASONS, Quarantined
from chalicelib.errors import StoreFailed


class Quarantine:
    """`commits`: shows which chunks have been committed meanwhile. Every method raises StoreFailed."""

    def __init__(self, table: Table, bucket: Bucket, commits: CommitLog) -> None:
        self._table = table
        self._bucket = bucket
        self._commits = commits

    def add(self, entry: Quarantined, content: str) -> None:
        """Store a message and list it. An existing entry stays as it is.

        The object is written first, so that no entry exists without its object.
        """
        self._bucket.put_json(_object_name(entry), content)
        self._table.put_if(_item(entry), "attribute_not_exists(pk)")

    def content(self, entry: Quarantined) -> str:
        """Return the stored object of a message."""
        found = self._bucket.get(_object_name(entry))
        if found is None:
            raise StoreFailed(f"{_object_name(entry)} is gone")
        return found[0].decode()

    def remove(self, entry: Quarantined) -> None:
        """Remove a message and its entry. The entry goes last, so that a failed removal is tried again."""
        self._bucket.delete(_object_name(entry))
        self._table.delete(table_keys.quarantine_record(entry.project, entry.name))

    def waiting(self) -> Iterator[Quarantined]:
        """Yield the entries of the whole stage, except those whose chunks have been committed meanwhile."""
        return (entry for entry, is_resolved in self._entries() if not is_resolved)

    def resolved(self) -> Iterator[Quarantined]:
        """Yield the entries whose chunks have been committed meanwhile."""
        return (entry for entry, is_resolved in self._entries() if is_resolved)

    def _entries(self) -> Iterator[tuple[Quarantined, bool]]:
        entries = readable(self._table.query(table_keys.QUARANTINE), _entry)
        while batch := list(islice(entries, 100)):
            committed = self._commits.committed((each.project, each.name) for each in batch if each.project)
            yield from ((entry, (entry.project, entry.name) in committed) for entry in batch)

    def code_of(self, project: str, chunk_id: str) -> str | None:
        """Return why a chunk is in the quarantine, or None if it is not."""
        item = self._table.get(table_keys.quarantine_record(project, chunk_id))
        return str(item["code"]["S"]) if item else None


def _object_name(entry: Quarantined) -> str:
    return f"quarantine/{'' if entry.project else 'undecodable/'}{entry.name}.json"


def _item(entry: Quarantined) -> Item:
    return key_item(table_keys.quarantine_record(entry.project, entry.name)) | {
        "code": text(entry.code),
        "n": number(entry.accepted),
        "r": text(entry.received),
        "q": text(entry.quarantined),
    }


def _entry(item: Item) -> Quarantined:
    project, name = table_keys.parse_quarantine_record(key_of(item))
    code = item["code"]["S"]
    if code not in REASONS:
        raise ValueError("no reason for which a message is kept")
    if project:
        check_id(name)
    return Quarantined(
        project=project,
        name=name,
        code=code,
        accepted=int(item["n"]["N"]),
        received=item["r"]["S"],
        quarantined=item["q"]["S"],
    )
