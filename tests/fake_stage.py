"""The HTTP side of ingestion on fakes: every dialect at its paths, and the pipeline behind it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from chalice.test import Client, HTTPResponse

from builders import NOW, World, make_message
from chalicelib.core import access_key, chunk
from chalicelib.core.dialects.registry import DIALECTS, Dialect
from chalicelib.core.event import Event
from chalicelib.core.project import Project
from chalicelib.flows.access import Access
from chalicelib.http import answers, ingestion
from chalicelib.wiring import Pipeline
from fakes import FakeMeter, FakeProjectStore, FakeQueue


@dataclass
class FakeStage:
    """What ingestion needs of a stage. `is_open`: it needs no key. `dialects`: those that are spoken here."""

    is_open: bool = True
    dialects: Iterable[Dialect] = DIALECTS
    world: World = field(default_factory=World)
    store: FakeProjectStore = field(default_factory=FakeProjectStore)
    now: datetime = NOW
    quota: None = None
    rejections: None = None

    def __post_init__(self) -> None:
        self.access = Access(self.store, is_open=self.is_open)
        self._app = answers.Application(app_name="fake", configure_logs=False)
        self._keys = 0
        for dialect in self.dialects:
            for method, path in dialect.routes:
                if path not in self._app.routes:
                    self._app.route(path, methods=[method], **answers.OPEN)(self._receive)
            for question in dialect.questions:
                self._app.route(question.path, methods=[question.method], **answers.OPEN)(self._answer)
        self._http = Client(self._app).http  # which knows the routes of this moment

    @property
    def queue(self) -> FakeQueue:
        return self.world.queue

    @property
    def meter(self) -> FakeMeter:
        return self.world.meter

    def _receive(self, **_parameters: str) -> Any:
        stage = cast(Pipeline, self)
        return ingestion.receive(self._app.current_request, stage=stage, now=self.now, dialects=self.dialects)

    def _answer(self, **_parameters: str) -> Any:
        return answers.for_library(ingestion.answer_question(self._app.current_request, self.now, self.dialects))

    def key(self, project: str = "acme", kind: str = "write", **settings: Any) -> str:
        """A new key of a project with these settings."""
        self._keys += 1
        key, kept = access_key.mint(project, kind, now=NOW, randomness=self._keys.to_bytes(26, "little"))
        self.store.save_key(kept)
        self.store.projects[project] = Project(project, **settings)
        return key

    def request(self, method: str, target: str, body: Any = b"", **headers: str) -> HTTPResponse:
        """Header names are written with underscores for their hyphens; a body that is not bytes becomes JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._http.request(method, target, headers=named, body=sent)

    def post(self, target: str, body: Any, **headers: str) -> HTTPResponse:
        return self.request("POST", target, body, **headers)

    def queued(self) -> list[tuple[str, Event]]:
        """Project and event of everything that was queued, with the context that is stored."""
        chunks = [chunk.decode(body) for body in self.queue.bodies]
        return [
            (each.project, replace(event, context=chunk.stored_form(event, each)["context"]))
            for each in chunks
            for event in each.events
        ]

    def process(self) -> None:
        """Give the queued chunks their effects, and empty the queue."""
        self.world.process(*(make_message(chunk.decode(body)) for body in self.queue.bodies), now=self.now)
        self.queue.bodies.clear()
