"""What a stage holds, kept so that other stages can begin with it, in a tenth of the calls that led there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from oracle import PREFIXES, read_objects
from stage import Clients, Stage

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
_MAX_WRITES = 25
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
_MAX_MESSAGES = 10


@dataclass(frozen=True)
class Scene:
    """Items, those objects that anybody reads, by their names, and the bodies of visible messages; `published` is
    None where nobody listens.
    """

    items: list[dict[str, Any]]
    objects: dict[str, bytes]
    queued: list[str]
    dead: list[str]
    published: list[str] | None

    @classmethod
    def of(cls, stage: Stage) -> Scene:
        """The scene of a stage, which keeps all but its messages."""
        clients, settings = stage.clients, stage.settings
        return cls(
            clients.dynamodb.scan(TableName=settings.table_name, ConsistentRead=True)["Items"],
            read_objects(clients, settings.bucket_name, PREFIXES),
            _receive(clients, settings.queue_url),
            _receive(clients, settings.dead_letter_url),
            _receive(clients, stage.subscriber_url) if stage.subscriber_url else None,
        )

    def set_up(self, stage: Stage) -> None:
        """Give an empty stage all of it."""
        clients, settings = stage.clients, stage.settings
        for start in range(0, len(self.items), _MAX_WRITES):
            writes = [{"PutRequest": {"Item": item}} for item in self.items[start : start + _MAX_WRITES]]
            clients.dynamodb.batch_write_item(RequestItems={settings.table_name: writes})
        for name, body in self.objects.items():
            clients.s3.put_object(Bucket=settings.bucket_name, Key=name, Body=body)
        send(clients, settings.queue_url, self.queued)
        send(clients, settings.dead_letter_url, self.dead)
        if self.published is not None:
            stage.subscribe()
            send(clients, stage.subscriber_url, self.published)


def send(clients: Clients, queue_url: str, bodies: Sequence[str]) -> None:
    for start in range(0, len(bodies), _MAX_MESSAGES):
        some = bodies[start : start + _MAX_MESSAGES]
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(some)]
        assert not clients.sqs.send_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed")


def _receive(clients: Clients, queue_url: str) -> list[str]:
    bodies = []
    while messages := clients.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=_MAX_MESSAGES).get(
        "Messages"
    ):
        bodies += [message["Body"] for message in messages]
    return bodies
