"""The map of Millrace: every entry point and the flow that it calls.

Each entry point imports its flow itself, for quick cold starts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalice import Rate

from chalicelib.adapters.queue import read_messages
from chalicelib.core.dialects import registry
from chalicelib.http import answers
from chalicelib.settings import SCHEDULE_MINUTES, Trigger
from chalicelib.wiring import Pipeline, bounded, pipeline

if TYPE_CHECKING:  # a scheduled run or a batch never imports it
    from chalicelib.core.project import Project

app = answers.Application(app_name="millrace", configure_logs=False)
app.register_middleware(bounded, "all")

trigger = Trigger.from_environ()


def _now() -> datetime:
    return datetime.now(UTC)


def _enter(*kinds: str) -> tuple[Pipeline, Project, dict[str, str]]:
    """Return the stage, the project of the request's key, and the parameters. The key must be of one of `kinds`."""
    from chalicelib.http import requests

    return requests.enter(app.current_request, pipeline(), *kinds, now=_now())


@app.open_routes(registry.SENDING)
def post_events(**_parameters: str) -> Any:
    """Receive events, plain or gzip, in the dialects that chalicelib/core/dialects/registry.py lists for the path."""
    from chalicelib.http import ingestion

    return ingestion.receive(app.current_request, stage=pipeline(), now=_now())


@app.open_routes(registry.PIXEL.routes)
def get_pixel() -> Any:
    """Receive one event from the query of an image's URL, for mail and pages without scripts. HEAD sends no event."""
    from chalicelib.http import ingestion

    return answers.pixel(lambda: ingestion.receive_pixel(app.current_request, stage=pipeline(), now=_now()))


@app.open_routes(registry.ASKING)
def answer_library(**_parameters: str) -> Any:
    """Answer the other requests of client libraries: for settings, feature flags and remote configuration."""
    from chalicelib.http import ingestion

    return answers.for_library(ingestion.answer_question(app.current_request, _now()))


@app.route("/events", methods=["GET"])
def get_events() -> Any:
    """Return events, newest first: ?user_id=&event_type=&from=&to=&limit=&cursor="""
    from chalicelib.flows import query

    stage, project, asked = _enter("read")
    return query.find_events(
        asked,
        project=project.name,
        events=stage.events,
        counters=stage.counters,
        commits=stage.commits,
        secret=stage.settings.cursor_secret,
        now=_now(),
        user_as_stored=project.user_as_stored,
    )


@app.route("/events/{key}", methods=["GET"])
def get_event(key: str) -> Any:
    """Return one event by its key. The answer to the POST contained the key."""
    from chalicelib.flows import query

    stage, project, _ = _enter("read")
    return query.get_event(key, project=project.name, events=stage.events)


@app.route("/chunks/{chunk_id}", methods=["GET"])
def get_chunk(chunk_id: str) -> Any:
    """Return the receipt of a chunk: in flight, committed or quarantined."""
    from chalicelib.flows import query

    stage, project, _ = _enter("write", "read")
    return query.get_receipt(
        chunk_id,
        project=project.name,
        commits=stage.commits,
        quarantine=stage.quarantine,
        failure_notes=stage.failure_notes,
        lifetimes=stage.lifetimes,
        now=_now(),
    )


@app.route("/counts", methods=["GET"])
def get_counts() -> Any:
    """Return the numbers of distinct events: ?event_type=&from=&to=&grain=minute|hour|day&tz="""
    from chalicelib.flows import query

    stage, project, asked = _enter("read")
    return query.count(asked, project=project.name, counters=stage.counters, marks=stage.marks)


@app.route("/reports", methods=["GET"])
def get_reports() -> Any:
    """Return reports, newest first: ?grain=hour|day&from=&to=&limit=&cursor="""
    from chalicelib.flows import query

    stage, project, asked = _enter("read")
    return query.find_reports(asked, project=project.name, reports=stage.reports, secret=stage.settings.cursor_secret)


@app.route("/rejections", methods=["GET"])
def get_rejections() -> Any:
    """Return the rejected events of the last days, newest first: ?code=&from=&to=&limit=&cursor="""
    from chalicelib.flows import query

    stage, project, asked = _enter("read")
    return query.find_rejections(
        asked, project=project.name, rejections=stage.rejection_log, secret=stage.settings.cursor_secret
    )


@app.route("/status", methods=["GET"])
def get_status() -> Any:
    """Return the stage's health to its operators: queue, dead letters, the last hour by minute, the ledger."""
    from chalicelib.flows import status

    stage, project, _ = _enter("read")
    return status.for_reader(project.name, stage.settings.operator_project, stage=stage.status, now=_now())


@app.route("/health", methods=["GET"])
def get_health() -> Any:
    """Return whether this stage is set up. Makes no AWS call, so it costs nothing."""
    settings = pipeline().settings
    return {"status": "ok", "open": settings.is_open, "stage": settings.stage_name}


@app.route("/", methods=["GET"])
@app.route("/m.js", methods=["GET"])
@app.route("/assets/{version}/{name}", methods=["GET"])
@app.route("/docs", methods=["GET"])
@app.route("/openapi.json", methods=["GET"])
def get_file(**_parameters: str) -> Any:
    """Return a file: the live page or its assets, the script for web sites, or the description of this API."""
    from chalicelib.http import assets

    return assets.file_at(app.current_request)


@app.on_sqs_message(
    queue=trigger.queue_name,
    batch_size=trigger.batch_size,
    maximum_batching_window_in_seconds=trigger.window_seconds,
    maximum_concurrency=trigger.workers,
)
def process(event: Any) -> None:
    """Process a batch: give each chunk its effects exactly once."""
    from chalicelib.flows import process as processor

    stage = pipeline().checked()
    processor.process(
        read_messages(event.to_dict()),
        queue=stage.queue,
        events=stage.events,
        commits=stage.commits,
        failure_notes=stage.failure_notes,
        archive=stage.archive,
        quarantine=stage.quarantine,
        meter=stage.meter,
        now=_now(),
        lifetimes=stage.lifetimes,
        report_properties=stage.settings.report_properties,
        **stage.pace,
    )


@app.schedule(Rate(SCHEDULE_MINUTES, unit=Rate.MINUTES))
def aggregate(_event: Any) -> dict[str, int]:
    """Refresh and publish the reports of changed windows. Then settle the quarantine and check the ledger."""
    from chalicelib.flows import aggregate as aggregator
    from chalicelib.flows import quarantine, reconciliation

    stage = pipeline().checked()
    try:
        return aggregator.aggregate(
            agenda=stage.agenda,
            marks=stage.marks,
            counters=stage.counters,
            commits=stage.commits,
            reports=stage.reports,
            hour_summaries=stage.hour_summaries,
            topic=stage.topic,
            meter=stage.meter,
            lifetimes=stage.lifetimes,
            now=_now(),
            **stage.pace,
        )
    finally:
        quarantine.settle(stage.quarantine)
        reconciliation.check(**stage.stock, chunk_log=stage.chunk_log, meter=stage.meter, now=_now())
