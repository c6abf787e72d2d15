"""What is kept of messages that fail, in memory: notes, and the quarantine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from chalicelib.core import commit
from chalicelib.core.chunk import Chunk
from chalicelib.core.failures import Failure, Quarantined
from chalicelib.core.ledger import Amount
from chalicelib.errors import StoreFailed
from fakes.commits import FakeCommitLog


@dataclass
class FakeFailureNotes:
    """`notes`: why chunks failed last, by project and chunk_id."""

    notes: dict[tuple[str, str], Failure] = field(default_factory=dict)
    fails: bool = False

    def save(self, chunk: Chunk, failure: Failure) -> None:
        if self.fails:
            raise StoreFailed("the notes do not answer")
        self.notes[chunk.project, chunk.chunk_id] = failure

    def of(self, chunks: Iterable[tuple[str, str]]) -> dict[str, Failure]:
        return {chunk[1]: self.notes[chunk] for chunk in chunks if chunk in self.notes}


@dataclass
class FakeQuarantine:
    """`entries`: by project and name; `contents`: what was kept of each, by the entry's name."""

    commits: FakeCommitLog = field(default_factory=FakeCommitLog)
    entries: dict[tuple[str | None, str], Quarantined] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    looked_at: int = 0
    fails: bool = False

    def add(self, entry: Quarantined, content: str) -> None:
        if self.fails:
            raise StoreFailed("the quarantine does not answer")
        self.contents[entry.name] = content
        self.entries.setdefault((entry.project, entry.name), entry)

    def content(self, entry: Quarantined) -> str | None:
        return self.contents.get(entry.name)

    def remove(self, entry: Quarantined) -> None:
        self.contents.pop(entry.name, None)
        self.entries.pop((entry.project, entry.name), None)

    def waiting(self) -> Iterator[Quarantined]:
        return (entry for entry in self._in_order() if not self._is_committed(entry))

    def count(self) -> int:
        return len(self.entries)

    def received(self, first: str, after: str) -> Amount:
        chunks = [entry for entry in self.entries.values() if entry.project]
        counted = [each for each in chunks if commit.in_ledger([(each.received, each.name)])]
        found = (Amount(1, each.accepted) for each in counted if first <= each.received < after)
        return sum(found, Amount())

    def newest(self, at_most: int) -> list[Quarantined]:
        return sorted(self.entries.values(), key=lambda entry: entry.quarantined, reverse=True)[:at_most]

    def look_for_committed(self, at_most: int) -> list[Quarantined]:
        entries = self._in_order()
        looked_at = entries[self.looked_at : self.looked_at + at_most]
        self.looked_at = self.looked_at + at_most if len(looked_at) == at_most else 0
        return [entry for entry in looked_at if self._is_committed(entry)]

    def _in_order(self) -> list[Quarantined]:
        return sorted(self.entries.values(), key=lambda entry: f"{entry.project or ''}#{entry.name}")

    def _is_committed(self, entry: Quarantined) -> bool:
        return entry.project is not None and bool(self.commits.committed([(entry.project, entry.name)]))

    def code_of(self, project: str, chunk_id: str) -> str | None:
        entry = self.entries.get((project, chunk_id))
        return entry.code if entry else None
