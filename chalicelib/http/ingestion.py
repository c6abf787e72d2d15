"""Handles the requests of client libraries: queues their events, and answers their other requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from chalicelib.core import access_key
from chalicelib.core.dialects import Post
from chalicelib.core.dialects.registry import DIALECTS, Dialect, dialect_of, load
from chalicelib.flows import ingest
from chalicelib.http import requests

if TYPE_CHECKING:
    from chalicelib.wiring import Pipeline


def receive(request: Any, *, stage: Pipeline, now: datetime, dialects: Iterable[Dialect] = DIALECTS) -> dict[str, Any]:
    """Ingest the events of a request. Return the verdicts, and the members that the client libraries expect.

    Raises Problem and StoreFailed.

    The key may be in a header, in the query or in the body, where the dialect's reader finds it. The first text with
    the form of a key decides the project. Without a valid key, the body is not parsed, and the answer reveals only
    errors of its size, gzip or encoding.
    """
    incoming = requests.incoming_of(request, now)
    dialect = dialect_of(request.method, request.path, incoming, dialects)
    incoming = dialect.opened(incoming)
    in_query = (key for name in dialect.key_in_query for key in incoming.values(name))
    beside = [*requests.keys_of(request, dialect.key_in_headers), *in_query]
    key = access_key.first_in(beside)
    project = stage.access.project_for(key, "write", now=now) if key and access_key.id_in(key) else None
    if project is None:
        stage.access.let_in(chain(dialect.keys_in(incoming.body), filter(None, [key])), "write", now=now)
    post: Post = load(dialect.reader)(incoming)
    if project is None:
        key = access_key.first_in([*beside, *post.keys])
        project = stage.access.project_for(key, "write", now=now)
    events = post.without_events_of(stage.access.keys_of_others(post.keys, project, now=now))
    verdicts = ingest.ingest(
        events,
        sender=replace(requests.sender_of(request, project.name, now), shared=post.shared),
        queue=stage.queue,
        meter=stage.meter,
        project=project,
        quota=stage.quota,
        rejections=stage.rejections,
        idempotency_key=incoming.headers.get("idempotency-key"),
    )
    return {**verdicts, **dialect.answered(verdicts["events"], events)}


def receive_pixel(request: Any, *, stage: Pipeline, now: datetime) -> None:
    """Ingest the event of a pixel, unless the request is HEAD. Raises Problem and StoreFailed."""
    if request.method != "HEAD":
        receive(request, stage=stage, now=now)


def answer_question(request: Any, now: datetime, dialects: Iterable[Dialect] = DIALECTS) -> Any:
    """Return the answer to another request of a client library, an object or a script. No key is needed."""
    asked = ("GET" if request.method == "HEAD" else request.method, request.path)
    questions = (each for dialect in dialects for each in dialect.questions)
    question = next(each for each in questions if (each.method, each.path) == asked)
    return load(question.answer)(requests.incoming_of(request, now))
