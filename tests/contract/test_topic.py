"""The topic: programs that subscribe get the document, with the attributes they filter by."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.ports import Topic
from fakes import FakeTopic
from stage import Stage


@dataclass(frozen=True)
class Received:
    subject: str
    document: str
    attributes: dict[str, str]


Line = tuple[Topic, Callable[[], list[Received]]]


@pytest.fixture
def line(backend: Stage | None) -> Line:
    """A topic, and how to read what arrived at its subscriber."""
    if backend is None:
        topic = FakeTopic()
        return topic, lambda: [Received(m["subject"], m["document"], m["attributes"]) for m in topic.published]
    backend.subscribe()
    return backend.topic, lambda: arrived(backend)


def arrived(stage: Stage) -> list[Received]:
    received: list[Received] = []
    while found := receive(stage):
        envelopes = [json.loads(message["Body"]) for message in found]
        received += [Received(each["Subject"], each["Message"], values_of(each)) for each in envelopes]
    return received


def receive(stage: Stage) -> list[Any]:
    answer = stage.clients.sqs.receive_message(QueueUrl=stage.subscriber_url, MaxNumberOfMessages=10)
    return list(answer.get("Messages", []))


def message(document: str) -> str:
    return json.dumps({"default": document, "email": "for people"})


def values_of(envelope: dict[str, Any]) -> dict[str, str]:
    return {name: attribute["Value"] for name, attribute in envelope.get("MessageAttributes", {}).items()}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param('{"version":1,"complete":true}', id="plain"),
        pytest.param('{"top":{"page":[{"value":"/ä\U0001f600\\n\\"","count":1}]}}', id="unicode and escapes"),
        pytest.param(json.dumps({"value": "x" * 60_000}), id="large"),
    ],
)
def test_what_is_published_arrives_once_with_subject_document_and_attributes(line: Line, document: str) -> None:
    topic, received = line
    attributes = {"project": "acme", "grain": "hour", "complete": "true"}
    topic.publish(subject="S" * 100, message=message(document), attributes=attributes)
    assert received() == [Received("S" * 100, document, attributes)]


def test_programs_do_not_get_the_text_for_people(line: Line) -> None:
    topic, received = line
    topic.publish(subject="subject", message=message("{}"), attributes={"project": "acme"})
    assert "for people" not in repr(received())


def test_each_publication_arrives(line: Line) -> None:
    topic, received = line
    for number in range(12):
        topic.publish(subject=f"report {number}", message=message("{}"), attributes={"project": "acme"})
    assert sorted(each.subject for each in received()) == sorted(f"report {number}" for number in range(12))
