"""A digest: what the commit records of an hour say in sum, before a report is cut from it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core import compact
from chalicelib.core.commit import CommitRecord


@dataclass(frozen=True, slots=True)
class Digest:
    """Events by type, all users, and how often each value of each reported property occurred."""

    types: Counter[str] = field(default_factory=Counter)
    users: set[str] = field(default_factory=set)
    tallies: dict[str, Counter[str]] = field(default_factory=dict)


def of(records: Iterable[CommitRecord]) -> Digest:
    """The same records give the same digest in whatever order they come."""
    digest = Digest()
    for record in records:
        for event in record.owned:
            digest.types[event.event_type] += 1
            digest.users.add(event.ref.user)
        _add(digest, record.tallies)
    return digest


def merge(digests: Iterable[Digest]) -> Digest:
    """The digest of all records that the given ones, of different records, are made of."""
    merged = Digest()
    for digest in digests:
        merged.types.update(digest.types)
        merged.users.update(digest.users)
        _add(merged, digest.tallies)
    return merged


def _add(digest: Digest, tallies: dict[str, Any]) -> None:
    for name, counts in tallies.items():
        digest.tallies.setdefault(name, Counter()).update(counts)


def fingerprint(digest: Digest) -> str:
    """Equal for equal digests alone; 128 bits in hex."""
    return hashlib.blake2b(compact.dump(_document(digest)).encode(), digest_size=16).hexdigest()


def pack(digest: Digest) -> bytes:
    return compact.pack(_document(digest))


def unpack(packed: bytes) -> Digest:
    """The inverse of `pack`."""
    types, users, tallies = compact.unpack(packed)
    return Digest(Counter(types), set(users), {name: Counter(counts) for name, counts in tallies.items()})


def _document(digest: Digest) -> list[Any]:
    tallies = {name: dict(sorted(counts.items())) for name, counts in sorted(digest.tallies.items())}
    return [dict(sorted(digest.types.items())), sorted(digest.users), tallies]
