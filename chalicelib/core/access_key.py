"""Write keys and read keys: how they look, and what is kept of them."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

#: What a key may do. Write keys are public, as they sit in web pages and apps; read keys are secret.
KINDS = ("write", "read")
#: Where a key may stand beside Authorization.
HEADER = "x-write-key"

_FORM = re.compile(r"m([wr])_([0-9a-f]{12})_[0-9a-f]{40}")
_FORM_IN_BYTES = re.compile(_FORM.pattern.encode())
_ID_BYTES, _SECRET_BYTES = 6, 20


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What is kept of a key. `key_id` is the part that may be shown; `expires`: valid until then, if ever."""

    key_id: str
    project: str
    kind: str
    key_hash: str
    created: datetime
    expires: datetime | None = None

    def admits(self, key: str, now: datetime) -> bool:
        """Whether this is that very key, and still valid; takes as long for a wrong one."""
        same = hmac.compare_digest(hash_of(key), self.key_hash)
        return same and (self.expires is None or now < self.expires)


def mint(project: str, kind: str, *, now: datetime, randomness: bytes) -> tuple[str, AccessKey]:
    """A new key of 160 secret bits, to be shown once, and what is kept of it. Takes 26 random bytes."""
    key_id = randomness[:_ID_BYTES].hex()
    key = f"m{kind[0]}_{key_id}_{randomness[_ID_BYTES : _ID_BYTES + _SECRET_BYTES].hex()}"
    return key, AccessKey(key_id, project, kind, hash_of(key), now)


def id_in(key: str) -> str | None:
    """The id inside a key; None for what cannot be a key of this product."""
    match = _FORM.fullmatch(key)
    return match[2] if match else None


def first_in(candidates: Iterable[str | None]) -> str | None:
    """Of what stands where a key may stand, the first that has the form of a key, or else the first at all.

    A proxy's own credential, or the key of another product, must not hide the key of this one.
    """
    present = [candidate for candidate in candidates if candidate]
    return next(filter(id_in, present), next(iter(present), None))


def found_in(body: bytes) -> Iterator[str]:
    """Each text in a body that has the form of a key, once, wherever it stands."""
    seen = set()
    for match in _FORM_IN_BYTES.finditer(body):
        if match[0] not in seen:
            seen.add(match[0])
            yield match[0].decode()


def hash_of(key: str) -> str:
    """SHA-256 in hex: nobody guesses 160 random bits, so a slow hash would only slow us down."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
