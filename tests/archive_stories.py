"""Stories of the commands that work on the archive, for the fault tests; see stories.py."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from chalicelib.core.event_body import StoredEvent
from chalicelib.core.windows import Span
from chalicelib.errors import StoreFailed
from injector import Crash
from millrace.ops import archive_replay, archive_scan
from millrace.ops.archive_replay import Replayed, Selection
from millrace.ops.erasure import Erased, Eraser, Person
from oracle import read_objects
from stage import Stage
from story import BEHIND, NOW, Story, event


@contextmanager
def interrupted() -> Iterator[None]:
    """A command that fails, or dies, is run again by its operator."""
    try:
        yield
    except (StoreFailed, Crash):
        return


def archived_in(stage: Stage) -> list[StoredEvent]:
    contents = [stage.archive.read(each.name) for each in stage.archive.find()]
    return [event for content in contents if content for event in content.events]


def replay(stage: Stage) -> None:
    for _ in archive_replay.replay(
        archive_scan.objects_of(stage.archive, Span()),
        selection=Selection(Span(), None, None, None, NOW),
        archive=stage.archive,
        commits=stage.commits,
        queue=stage.queue,
        now=NOW,
        totals=Replayed(),
    ):
        pass


def places_of(stage: Stage, user: bytes) -> Iterator[str]:
    """Where a user's name still is: in any object of the bucket, or in any item outside of its key and its owner."""
    settings = stage.settings
    for name, body in read_objects(stage.clients, settings.bucket_name, ("",)).items():
        if not name.startswith("erasures/") and (user in _plain(body) or user in name.encode()):
            yield name
    for page in stage.clients.dynamodb.get_paginator("scan").paginate(TableName=settings.table_name):
        for item in page["Items"]:
            said = {name: value for name, value in item.items() if name not in ("pk", "sk", "c", "i")}
            if "p" not in said and any(user in _plain(_bytes_of(value)) for value in said.values()):
                yield f"{item['pk']['S']} {item['sk']['S']}"


def _bytes_of(value: dict[str, object]) -> bytes:
    found = value.get("B")
    return found if isinstance(found, bytes) else repr(value).encode()


def _plain(body: bytes) -> bytes:
    """Gzip, zlib and raw deflate are inflated."""
    for inflate in (gzip.decompress, zlib.decompress, lambda each: zlib.decompress(each, -15)):
        with suppress(OSError, EOFError, zlib.error):
            return inflate(body)
    return body


class ArchiveReplaying(Story):
    """The archive is fed into a table that lost everything, with an orphan's lines among the others."""

    name = "archive-replay"
    posts = (
        (event("a1"), event("a2", event_type="click"), event("a3", user="bob")),
        (event("a1"), event("b1", hour=11), event("g1", hour=0)),
    )

    def prepare(self) -> None:
        for post in self.posts:
            self.post(post)
            self.poller.drain(self.process)
        self.stage.archive.write(archived_in(self.stage), NOW)
        table = self.stage.settings.table_name
        for item in self.clients.dynamodb.scan(TableName=table)["Items"]:
            self.clients.dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})
        self.chunk_ids.clear()  # their receipts are lost

    def act(self) -> None:
        with interrupted():
            replay(self.faulty)

    def rival(self, what: str) -> None:
        """Another replay; unless by half, its chunks are processed at once."""
        replay(self.stage)
        if what != "half":
            self.poller.drain(self.process)

    def settle(self) -> None:
        super().settle()
        replay(self.stage)
        super().settle()


class Erasing(Story):
    """Ann is erased, whose events share chunks and objects with Bob's; she tries to come back in every way."""

    name = "erase"
    has_zombies = True
    kept = (
        event("b1", user="bob"),
        event("b2", user="bob", hour=11),
        event("b3", user="bob", hour=0),
        event("b4", user="bob"),
    )
    posts = (
        (event("a1"), event("a2", event_type="click"), kept[0], event("a3", hour=11), kept[1]),
        (event("a1"), event("a4", hour=0), kept[2]),
        (event("m1", sent=BEHIND), event("i1", anonymous_id="device")),
        (event("a5"),),
        (kept[3],),
    )

    def prepare(self) -> None:
        for post in self.posts:
            self.post(post)
        self.process(self.poller.receive())
        self.stage.archive.write(archived_in(self.stage), NOW)
        self.aggregate(self.stage)

    def begin(self) -> None:
        """What is processed already is still in the queue: it comes a second time."""
        super().begin()
        self.batch = self.poller.receive()

    def erase(self, stage: Stage, user: str = "ann") -> Erased:
        eraser = Eraser(
            Person("default", user),
            events=stage.events,
            commits=stage.commits,
            quarantine=stage.quarantine,
            erasure=stage.erasure,
            archive=stage.archive,
            is_settled=lambda minted: stage.lifetimes.is_settled(minted, NOW),
        )
        for _ in eraser.erase_events():
            pass
        for _ in eraser.erase_lines(list(stage.archive.find())):
            pass
        return eraser.totals

    def act(self) -> None:
        with interrupted():
            self.erase(self.faulty)

    def rival(self, what: str) -> None:
        """Another erasure; by half, the queue delivers a copy and a client sends again, with something new."""
        if what != "half":
            self.erase(self.stage)
        if what != "all":
            self.process(self.batch)
            self.post((event("a1"), event("a5"), event("m1")))
            self.poller.drain(self.process)
        if what == "zombie":
            self.erase(self.stage)

    def settle(self) -> None:
        """The copies are processed, she is erased for good; then her client sends all again, and a replay runs."""
        super().settle()
        self.erase(self.stage)
        if not self.erase(self.stage).is_complete:
            self.found_early.append("something stays in flight")
        self.process(self.batch)  # the queue had one more copy
        for post in self.posts:
            self.post(post)
        replay(self.stage)
        super().settle()
        self.aggregate(self.stage)

    def expected(self) -> Counter[tuple[str, str]]:
        return Counter({(each["user_id"], each["event_id"]): 1 for each in self.kept})

    def violations(self) -> list[str]:
        found = super().violations() + self.findings.report_violations()
        if any(line["user_id"] == "ann" for _, line in self.findings.lines):
            found.append("the archive holds a line of an erased user")
        if "ann" in self.findings.summarized_users():
            found.append("a summary holds an erased user")
        found += [f"the erased user is in {place}" for place in places_of(self.stage, b"ann")]
        for item in self.findings.records.values():
            accepted, stored, erased = (int(item.get(name, {"N": "0"})["N"]) for name in "nke")
            if accepted < stored + erased:
                found.append("a record accounts for more than was accepted")
        return found


ARCHIVE_STORIES = {story.name: story for story in (ArchiveReplaying, Erasing)}
