"""Write keys and read keys: their form, and the record that the stage stores of each."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

#: The kinds of keys. Write keys are public, since web pages and apps contain them. Read keys are secret.
KINDS = ("write", "read")
#: The header that may hold a key in place of Authorization.
HEADER = "x-write-key"

_FORM = re.compile(r"m([wr])_([0-9a-f]{12})_[0-9a-f]{40}")
_FORM_IN_BYTES = re.compile(_FORM.pattern.encode())
_ID_BYTES, _SECRET_BYTES = 6, 20


@dataclass(frozen=True, slots=True)
class AccessKey:
    """The stored record of a key. `key_id`: the part that may be shown. `expires`: None for a key without an end."""

    key_id: str
    project: str
    kind: str
    key_hash: str
    created: datetime
    expires: datetime | None = None

    def admits(self, key: str, now: datetime) -> bool:
        """Return whether this is the record of the key, and still valid. A wrong key takes the same time to check."""
        same = hmac.compare_digest(hash_of(key), self.key_hash)
        return same and (self.expires is None or now < self.expires)


def mint(project: str, kind: str, *, now: datetime, randomness: bytes) -> tuple[str, AccessKey]:
    """Return a new key with 160 secret bits, to be shown once, and its record. `randomness`: 26 random bytes."""
    key_id = randomness[:_ID_BYTES].hex()
    key = f"m{kind[0]}_{key_id}_{randomness[_ID_BYTES : _ID_BYTES + _SECRET_BYTES].hex()}"
    return key, AccessKey(key_id, project, kind, hash_of(key), now)


def id_in(key: str) -> str | None:
    """Return the id inside a key, or None if the text does not have the form of a key."""
    match = _FORM.fullmatch(key)
    return match[2] if match else None


def first_in(candidates: Iterable[str | None]) -> str | None:
    """Return the first candidate that has the form of a key. Without one, return the first candidate, or None.

    So the credential of a proxy or the key of another product does not hide the key of this product.
    """
    present = [candidate for candidate in candidates if candidate]
    return next(filter(id_in, present), next(iter(present), None))


def found_in(body: bytes) -> Iterator[str]:
    """Yield each text that has the form of a key and is anywhere in a body, once."""
    seen = set()
    for match in _FORM_IN_BYTES.finditer(body):
        if match[0] not in seen:
            seen.add(match[0])
            yield match[0].decode()


def hash_of(key: str) -> str:
    """Return the SHA-256 of a key in hex. A slow hash is not needed: nobody can guess 160 random bits."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
