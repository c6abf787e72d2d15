"""Takes a request with events in, in whatever dialect: whose it is, what it says, and on to the queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.core.dialects import Post
from chalicelib.errors import Problem
from chalicelib.flows import ingest
from chalicelib.http import requests

if TYPE_CHECKING:
    from chalicelib.wiring import Pipeline


def receive(read: Callable[..., Post], *details: str, stage: Pipeline, request: Any, now: datetime) -> dict[str, Any]:
    """The verdicts on the events that `read` finds. Raises Problem, and StoreFailed.

    The key stands in a header, in the query, or in the body, where only the dialect finds it.
    """
    key = requests.key_of(request) or requests.key_in_query(request)
    project = stage.access.project_for(key, "write", now=now) if key else None
    try:
        post = read(requests.incoming_of(request, now), *details)
    except Problem:
        project or stage.access.project_for(None, "write", now=now)  # without a key there is no telling what is wrong
        raise
    project = project or stage.access.project_for(post.key, "write", now=now)
    return ingest.ingest(
        post.events,
        sender=requests.sender_of(request, project.name, now),
        queue=stage.queue,
        meter=stage.meter,
        project=project,
        quota=stage.quota,
        rejections=stage.rejections,
        idempotency_key=request.headers.get("idempotency-key"),
    )
