"""Gaps of the emulator's API Gateway are still there: tests/emulator_gaps.py."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
import requests
from botocore.parsers import ResponseParserError

from deployed import Deployment

pytestmark = pytest.mark.usefixtures("aws")
BODY = {
    "swagger": "2.0",
    "info": {"title": "gaps"},
    "paths": {"/x": {"get": {"responses": {}}}},
    "x-amazon-apigateway-binary-media-types": ["a/b"],
}


@pytest.fixture
def api() -> Iterator[str]:
    client = boto3.client("apigateway")
    name = client.import_rest_api(body=json.dumps(BODY))["id"]
    yield name
    client.delete_rest_api(restApiId=name)


def test_the_emulator_does_not_throttle(deployment: Deployment, api: str) -> None:
    client = boto3.client("apigateway")
    client.create_deployment(restApiId=api, stageName="gaps")
    limits = ("rateLimit", "burstLimit")
    patch = [{"op": "replace", "path": f"/*/*/throttling/{each}", "value": "1"} for each in limits]
    client.update_stage(restApiId=api, stageName="gaps", patchOperations=patch)
    url = f"{deployment.emulator.endpoint}/restapis/{api}/gaps/_user_request_/x"
    assert 429 not in {requests.get(url, timeout=60).status_code for _ in range(20)}


def test_the_emulator_breaks_binary_media_types_that_are_patched(api: str) -> None:
    add = [{"op": "add", "path": "/binaryMediaTypes/c~1d"}]
    try:
        found = boto3.client("apigateway").update_rest_api(restApiId=api, patchOperations=add)["binaryMediaTypes"]
    except ResponseParserError:
        return
    assert found != ["a/b", "c/d"]
