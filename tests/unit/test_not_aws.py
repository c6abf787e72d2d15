"""Something else than AWS answers, with a success: a log-in page, a proxy, another service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.adapters import aws
from chalicelib.adapters.table import Table
from chalicelib.core.table_keys import DATA_FORMAT
from chalicelib.errors import StoreFailed
from millrace import stage_address
from millrace.command_error import CommandError
from millrace.deploy import deployment

PAGES = {
    "a page": ("text/html", b"<html><title>Log in</title></html>"),
    "a page called JSON": ("application/json", b"<html></html>"),
    "other JSON": ("application/json", b'{"status": "ok"}'),
    "nothing": ("text/plain", b""),
    "XML": ("text/xml", b"<a><b/></a>"),
}


@pytest.fixture(params=PAGES)
def portal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS is not there, and something else answers every request."""
    kind, body = PAGES[request.param]

    class Portal(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield
    boto3.DEFAULT_SESSION = None  # it remembers these credentials
    server.shutdown()
    server.server_close()


CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "GetItem": ("dynamodb", lambda client: Table(client, "t").get(DATA_FORMAT)),
    "Query": ("dynamodb", lambda client: client.query(TableName="t")),
    "TransactWriteItems": ("dynamodb", lambda client: client.transact_write_items(TransactItems=[])),
    "SendMessageBatch": ("sqs", lambda client: client.send_message_batch(QueueUrl="https://q", Entries=[])),
    "Publish": ("sns", lambda client: client.publish(TopicArn="arn:aws:sns:us-east-1:1:t", Message="m")),
    "PutObject": ("s3", lambda client: client.put_object(Bucket="b", Key="k", Body=b"")),
    "GetObject": ("s3", lambda client: client.get_object(Bucket="b", Key="k")),
    "GetMetricData": ("cloudwatch", lambda client: client.get_metric_data(MetricDataQueries=[])),
}


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("call", CALLS)
def test_whatever_is_not_aws_is_a_failed_store(call: str) -> None:
    service, ask = CALLS[call]
    with pytest.raises(StoreFailed), aws.translated_errors():
        ask(aws.client(service))


def registry_of_a_stage() -> None:
    stage_address.stage_pipeline("prod", Path("unused"))


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("ask", [deployment.place, lambda: deployment.outputs_now("prod"), registry_of_a_stage])
def test_a_command_says_so_in_one_sentence(ask: Callable[[], Any]) -> None:
    boto3.setup_default_session()
    with pytest.raises(CommandError) as raised:
        ask()
    assert "\n" not in str(raised.value)
