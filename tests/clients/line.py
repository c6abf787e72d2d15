"""The running stack as a library reaches it, and what came of what the library sent."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from clients.tap import Heard, Tap
from local_stack import LocalStack
from waiting import eventually


@dataclass(frozen=True)
class Line:
    """The stack as a library reaches it. `key`: to read what came back, where the stack is closed."""

    stack: LocalStack
    tap: Tap
    key: str = ""

    @property
    def url(self) -> str:
        return self.tap.url

    def run(self, *command: str) -> None:
        done = subprocess.run([*command, self.url], capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, (done.stdout, done.stderr)

    def arrived(self) -> list[dict[str, Any]]:
        """What the posted events are when they are read back, once every chunk is committed; each event once."""
        posts = self.tap.posts
        for chunk_id in _chunks(posts):
            eventually(partial(self._is_committed, chunk_id), f"the chunk {chunk_id} to be committed")
        keys = {event["key"] for post in posts for event in post.reply["events"] if "key" in event}
        events = {event["key"]: event for event in (self._get(f"/events/{key}") for key in keys)}
        return sorted(events.values(), key=lambda event: (event["timestamp"], event["event_id"]))

    def was_sent_again(self) -> bool:
        """Whether an event came in two POSTs."""
        ids = [event["event_id"] for post in self.tap.posts for event in post.reply["events"]]
        return len(set(ids)) < len(ids)

    def stored(self) -> int:
        """How many events the chunks of all POSTs got stored."""
        return sum(self._receipt(chunk_id)["stored"] for chunk_id in _chunks(self.tap.posts))

    def send_all_again(self) -> None:
        """Every request once more, byte by byte: what a retry is to a server."""
        for post in list(self.tap.posts):
            again = self.tap.send(post.method, post.path, post.headers, post.body)
            assert again.status_code == post.status
            self.tap.heard.append(replace(post, answer=again.content))

    def _is_committed(self, chunk_id: str) -> bool:
        return bool(self._receipt(chunk_id)["status"] == "committed")

    def _receipt(self, chunk_id: str) -> dict[str, Any]:
        return dict(self._get(f"/chunks/{chunk_id}"))

    def _get(self, path: str) -> Any:
        return self.stack.get(path, key=self.key)


def _chunks(posts: Sequence[Heard]) -> list[str]:
    return [chunk_id for post in posts for chunk_id in post.reply.get("chunks", [])]
