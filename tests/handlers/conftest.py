"""AWS in process (moto): the handlers run as deployed, without a network."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from api_client import Api
from moto import mock_aws

from chalicelib.adapters.data_formats import DataFormats
from chalicelib.adapters.table import Table


@pytest.fixture(scope="module")
def stage_api() -> Iterator[Api]:
    """An open stage, with resources and an environment of its own for every module of tests."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            environment.delenv(name, raising=False)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "testing")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        resources = _create_resources()
        for name, value in resources.items():
            environment.setenv(name, value)
        yield Api(resources["QUEUE_URL"])


def _create_resources() -> dict[str, str]:
    """What stack.yaml describes, as the environment of the functions."""
    attributes = {"MaximumMessageSize": str(1024 * 1024)}
    queue = boto3.client("sqs").create_queue(QueueName="handlers-chunks", Attributes=attributes)
    boto3.client("dynamodb").create_table(
        TableName="handlers-table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    boto3.client("s3").create_bucket(Bucket="handlers-archive")
    table = Table(boto3.client("dynamodb"), "handlers-table")
    DataFormats(table).create()
    return {
        "QUEUE_URL": queue["QueueUrl"],
        "TABLE_NAME": "handlers-table",
        "BUCKET_NAME": "handlers-archive",
        "TOPIC_ARN": boto3.client("sns").create_topic(Name="handlers-reports")["TopicArn"],
        "CURSOR_SECRET": "a secret of the tests",
        "OPEN_STAGE": "true",
    }


@pytest.fixture
def api(stage_api: Api) -> Api:
    """The module's stage, with an empty queue."""
    stage_api.take_messages()
    return stage_api
