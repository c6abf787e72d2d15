"""Rules that are broken on purpose. For each rule, the search must find a violation in the world of these features."""

from __future__ import annotations

from proof.features import meeting
from proof.search import Result, Search

MUTATIONS: dict[str, tuple[str, ...]] = {
    "counters apart": ("correction",),
    "commit without condition": ("correction",),
    "acknowledge first": ("correction",),
    "an id for each delivery": ("correction",),
    "unknown is a duplicate": ("correction",),
    "unknown is mine": ("correction",),
    "an existing item is mine": ("correction",),
    "unknown commit is done": ("correction",),
    "a cancel ends the group": ("single",),
    "archive after the commit": ("correction",),
    "one name for objects": ("correction",),
    "unknown archive is fine": ("correction",),
    "a taken place is a commit": ("single",),
    "no pointer and no guard": ("correction",),
    "the event before its pointer": ("correction", "renewal"),
    "the id stands for the natural key": ("correction", "the id alone"),
    "an erasure takes the pointer": ("correction", "erasure"),
    "guards expire earlier": ("guard", "renewal"),
    "no maximum age": ("months",),
    "today's lifetimes judge": ("lifetimes", "months"),
    "renewed at any age": ("renewal", "months"),
    "a new id for a renewed chunk": ("renewal",),
    "the erased is renewed": ("renewal", "erasure"),
    "a renewed chunk is settled": ("single", "renewal", "erasure"),
    "an erasure deletes": ("erasure",),
    "the erased stays counted": ("erasure",),
    "no mark for an erasure": ("erasure", "reports"),
    "the expired is replayed": ("replay", "months"),
    "sweep without evidence": ("sweep",),
    "reports overwrite": ("reports",),
    "marks are just deleted": ("reports",),
    "a young mark goes at once": ("reports",),
}


def caught(name: str, seconds: float = 120) -> Result:
    """Break a rule, and search the world of its features for a violation."""
    setting = meeting(*MUTATIONS[name])
    return Search(setting, frozenset({name})).all(seconds)
