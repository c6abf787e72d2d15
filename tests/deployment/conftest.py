"""A stage that tests deploy, in an AWS of its own which enforces IAM; and a package for one, built elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from deployed import Deployment
from millrace.deploy import stages
from millrace.local.emulator import Emulator

ENVIRONMENT = {
    "STACK_NAME": "millrace-prod",
    "QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/millrace-prod-chunks",
    "DEAD_LETTER_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/millrace-prod-dead-letters",
    "TABLE_NAME": "millrace-prod-table",
    "BUCKET_NAME": "millrace-prod-123456789012-eu-central-1",
    "TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:millrace-prod-reports",
}


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    emulator = Emulator(tmp_path_factory.mktemp("aws"), enforces_iam=True)
    try:
        yield Deployment(emulator, tmp_path_factory.mktemp("checkout"))
    finally:
        emulator.stop()


@pytest.fixture(scope="session")
def packaged(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a pipeline gets, from a checkout in which another Python has left bytecode."""
    checkout = Deployment(emulator, tmp_path_factory.mktemp("checkout"), as_shipped=True)
    stages.record(checkout.folder, "prod", ENVIRONMENT, [])
    left = checkout.folder / "chalicelib" / "__pycache__" / "ingest.cpython-399.pyc"
    left.parent.mkdir()
    left.write_bytes(b"whatever")
    checkout.run("millrace", "package", "--stage", "prod", "out")
    return checkout.folder / "out"


@pytest.fixture
def aws(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment leads to an AWS that has functions."""
    for name, value in deployment.emulator.environment().items():
        monkeypatch.setenv(name, value)
    boto3.setup_default_session()
    yield
    boto3.setup_default_session()
