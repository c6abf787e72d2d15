"""Stories of the commands that work on the archive, for the fault tests; see stories.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.core.counting import Span
from injector import Crash
from millrace import archive_lines, archive_replay
from millrace.archive_replay import Replayed, Selection
from stage import Stage
from stories import NOW, Story, event


@contextmanager
def interrupted() -> Iterator[None]:
    """Whatever a command dies of, its operator runs it again."""
    try:
        yield
    except (Exception, Crash):  # noqa: BLE001 - a fault may come out as anything
        return


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
        self.stage.archive.write_events(self._lines(), NOW)
        table = self.stage.settings.table_name
        for item in self.clients.dynamodb.scan(TableName=table)["Items"]:
            self.clients.dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})

    def _lines(self) -> list[bytes]:
        archive = self.stage.archive
        contents = [archive.read_events(each.name) for each in archive.find_events()]
        return [line for content in contents if content for line in content.lines]

    def replay(self, stage: Stage) -> None:
        for _ in archive_replay.replay(
            archive_lines.objects_of(stage.archive, Span()),
            selection=Selection(Span(), None, None, None),
            archive=stage.archive,
            commits=stage.commits,
            queue=stage.queue,
            now=NOW,
            totals=Replayed(),
        ):
            pass

    def act(self) -> None:
        with interrupted():
            self.replay(self.faulty)

    def rival(self, half: bool) -> None:
        """Another replay; unless by half, its chunks are processed at once."""
        self.replay(self.stage)
        if not half:
            self.poller.drain(self.process)

    def settle(self) -> None:
        super().settle()
        self.replay(self.stage)
        super().settle()


ARCHIVE_STORIES = {story.name: story for story in (ArchiveReplaying,)}
