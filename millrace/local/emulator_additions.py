"""Adds missing features to the emulator (ministack). emulator_main.py imports it in the emulator's own environment."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

# A poll also looks regularly, since messages become visible with time.
_LOOK_SECONDS = 0.5


def wake_receivers(wait_for_a_change: Callable[[float], Awaitable[None]]) -> None:
    """Make a long poll check its queue when something has changed, not ten times a second."""
    import asyncio

    from ministack.services import sqs

    class Asyncio:
        """The parts of asyncio that the emulator's module uses."""

        iscoroutine = staticmethod(asyncio.iscoroutine)

        @staticmethod
        async def sleep(_seconds: float) -> None:
            await wait_for_a_change(_LOOK_SECONDS)

    sqs.asyncio = Asyncio


def close_side_entrances() -> None:
    """Answer only calls of services. Close the emulator's own paths, and hosts and paths that stand for a service."""
    from ministack import app

    async def nothing(*_: Any, **__: Any) -> None:
        """Leave the request to the service that its headers name."""

    app._handle_pre_body_request = nothing
    app._handle_post_body_shortcuts = nothing
    app._handle_special_data_plane_request = nothing


def serve_function_logs(log: Path) -> None:
    """Answer FilterLogEvents, and no other call to CloudWatch Logs, from the file with the functions' log lines."""
    from ministack.core.responses import error_response_json, json_response
    from ministack.services import cloudwatch_logs

    async def handle_request(_method: str, _path: str, headers: Any, body: bytes, _query: Any) -> Any:
        asked = json.loads(body or b"{}")
        pattern = re.fullmatch(r'\{ \$\.(\w+)\[\*\] = "([^"*]+)\*" \}', asked.get("filterPattern", ""))
        if not headers.get("x-amz-target", "").endswith(".FilterLogEvents") or not pattern:
            return error_response_json("UnknownOperationException", "This is not emulated.", 400)
        lines = _lines_with(log, *pattern.groups(), first=asked["startTime"], last=asked["endTime"])
        return json_response({"events": [{"message": line} for line in lines], "searchedLogStreams": []})

    cloudwatch_logs.handle_request = handle_request


def _lines_with(log: Path, field: str, beginning: str, *, first: int, last: int) -> Iterator[str]:
    """Yield the lines of metrics with a value of `field` that begins with `beginning`. `first`, `last`: in epoch ms."""
    for each in (log.with_name(f"{log.name}.1"), log):
        for line in each.read_text().splitlines() if each.exists() else ():
            if f'"{field}"' not in line or beginning not in line:
                continue
            entry = json.loads(line)
            if first <= entry["_aws"]["Timestamp"] <= last and any(text.startswith(beginning) for text in entry[field]):
                yield line


def complete_api_gateway() -> None:
    """Add ImportRestApi and PutRestApi, with which `chalice deploy` makes an API."""
    from ministack.services import apigateway_v1 as gateway

    unable = gateway.handle_request

    def import_api(body: bytes) -> str:
        document = json.loads(body)
        known = {"binaryMediaTypes": document.get("x-amazon-apigateway-binary-media-types", [])}
        name: str = gateway._import_rest_api(document, known)
        for kind, response in document.get("x-amazon-apigateway-gateway-responses", {}).items():
            gateway._put_gateway_response(name, kind, response)
        return name

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        mode = query.get("mode", "")
        if method == "POST" and path == "/restapis" and "import" in mode:
            return 201, *gateway._get_rest_api(import_api(body))[1:]
        if method == "PUT" and "overwrite" in mode:  # make a new API, and give it the old one's name and stages
            old, new = path.rpartition("/")[2], import_api(body)
            gateway._resources[old] = gateway._resources[new]
            gateway._rest_apis[old]["binaryMediaTypes"] = gateway._rest_apis[new]["binaryMediaTypes"]
            gateway._gateway_responses[old] = gateway._gateway_responses[
                new
            ]  # like AWS, keep only those of the document
            gateway._delete_rest_api(new)
            return gateway._get_rest_api(old)
        return await unable(method, path, headers, body, query)

    gateway.handle_request = handle_request


def complete_iam() -> None:
    """Check the actions that AWS checks.

    A batch of SQS needs the action of a single message. PartiQL needs the actions of its statements.

    Also provide conditions with the partitions that a request names, if the partition key is `pk`.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    from ministack.core import iam_actions as iam

    extract_action, table_arns = iam.extract_iam_action, iam.dynamodb_resource_arns
    service_context = iam.dynamodb_service_context
    statement = re.compile(rb'"Statement": *"(INSERT|UPDATE|DELETE|SELECT) .*?\\"([\w.-]+)\\"')

    def action(service: str, *request: Any) -> Any:  # method, path, headers, body, query
        name, body = extract_action(service, *request), request[3]
        if service == "sqs" and name:
            return name.removesuffix("Batch")
        if name in ("dynamodb:BatchExecuteStatement", "dynamodb:ExecuteStatement") and (
            found := statement.search(body)
        ):
            return f"dynamodb:PartiQL{found[1].decode().title()}"
        return name

    def arns(body: bytes, region: str, account: str) -> Any:
        found = statement.search(body or b"")
        return (
            [iam._dynamodb_table_arn(found[2].decode(), region, account)]
            if found
            else table_arns(body, region, account)
        )

    def context(body: bytes) -> Any:
        keys = sorted(_partitions(json.loads(body or b"{}")))
        return service_context(body) | ({"dynamodb:LeadingKeys": keys} if keys else {})

    iam.extract_iam_action, iam.dynamodb_resource_arns, iam.dynamodb_service_context = action, arns, context


def _partitions(document: Any) -> Iterator[str]:
    """Yield each `pk` in a request, at any depth."""
    if isinstance(document, list):
        for each in document:
            yield from _partitions(each)
    elif isinstance(document, dict):
        if isinstance(key := document.get("pk"), dict) and "S" in key:
            yield key["S"]
        if "Parameters" in document:  # of INSERT INTO "table" VALUE {'pk': ?, 'sk': ?, ...}
            names = re.findall(r"'(\w+)': *\?", document["Statement"])
            yield document["Parameters"][names.index("pk")]["S"]
        for each in document.values():
            yield from _partitions(each)
