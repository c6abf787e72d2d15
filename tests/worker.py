"""A worker: AWS's triggers call the functions of app.py, whose AWS is behind a proxy; the triggers' own is not.

worker.py ENDPOINT: the environment names the stage and the proxy, ENDPOINT the emulator itself.
"""

from __future__ import annotations

import sys

import boto3
from chalice.app import SQSEventConfig

import app
from chalicelib.wiring import pipeline
from millrace.local.triggers import QueueTrigger, Schedule
from millrace.local.up import end_with_standard_input

if __name__ == "__main__":
    end_with_standard_input()
    queue_url = pipeline().settings.queue_url
    sqs = boto3.client("sqs", endpoint_url=sys.argv[1])
    source = next(each for each in app.app.event_sources if isinstance(each, SQSEventConfig))
    Schedule(app.aggregate, every_seconds=0.5).start()
    QueueTrigger(sqs, queue_url, source, app.process).run()
