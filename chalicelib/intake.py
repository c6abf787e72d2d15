"""Takes a request with events in, in whatever dialect: whose it is, what it says, and on to the queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib import ingest, web
from chalicelib.core.dialects import Post
from chalicelib.errors import Problem

if TYPE_CHECKING:
    from chalicelib.wiring import Pipeline


def take_in(read: Callable[..., Post], *details: str, stage: Pipeline, request: Any, now: datetime) -> dict[str, Any]:
    """The verdicts on the events that `read` finds. Raises Problem, and StoreFailed.

    The key stands in a header, in the query, or in the body, where only the dialect finds it.
    """
    key = web.key_of(request) or web.key_in_query(request)
    project = stage.access.project_for(key, "write", now=now) if key else None
    try:
        post = read(web.incoming_of(request, now), *details)
    except Problem:
        project or stage.access.project_for(None, "write", now=now)  # without a key there is no telling what is wrong
        raise
    project = project or stage.access.project_for(post.key, "write", now=now)
    return ingest.ingest(
        post.events,
        sender=web.sender_of(request, project.name, now),
        queue=stage.queue,
        meter=stage.meter,
        project=project,
        quota=stage.quota,
        rejections=stage.rejections,
        idempotency_key=request.headers.get("idempotency-key"),
    )
