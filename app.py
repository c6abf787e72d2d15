"""The map of Millrace: every entry point, and the flow behind it, which it imports itself for quick cold starts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalice import Rate

from chalicelib.adapters.queue import read_messages
from chalicelib.core.dialects import registry
from chalicelib.http import answers
from chalicelib.settings import SCHEDULE_MINUTES, Trigger
from chalicelib.wiring import Pipeline, bounded, pipeline

if TYPE_CHECKING:  # which only requests need
    from chalicelib.core.project import Project

app = answers.Application(app_name="millrace", configure_logs=False)
app.register_middleware(bounded, "all")

trigger = Trigger.from_environ()


def _now() -> datetime:
    return datetime.now(UTC)


def _enter(*kinds: str) -> tuple[Pipeline, Project, dict[str, str]]:
    """The stage, the project that the request's key, of one of these kinds, speaks for, and what it asks for."""
    from chalicelib.http import requests

    stage, request = pipeline(), app.current_request
    project = stage.access.project_for(requests.key_of(request), *kinds, now=_now())
    return stage, project, requests.parameters_of(request)


@app.open_routes(registry.SENDING)
def post_events(**_parameters: str) -> Any:
    """Take events in, in the dialects that chalicelib/core/dialects/registry.py has for the path; plain or packed."""
    from chalicelib.http import ingestion

    return ingestion.receive(app.current_request, stage=pipeline(), now=_now())


@app.open_routes(registry.PIXEL.routes)
def get_pixel() -> Any:
    """An event in the query of an image, for mail and pages without script; HEAD only asks for the image."""
    from chalicelib.http import ingestion

    return answers.pixel(lambda: ingestion.receive_pixel(app.current_request, stage=pipeline(), now=_now()))


@app.open_routes(registry.ASKING)
def answer_library(**_parameters: str) -> Any:
    """What client libraries ask beside sending: where to, and which extras there are."""
    from chalicelib.http import ingestion

    return answers.for_library(ingestion.answer_question(app.current_request, _now()))


@app.route("/events", methods=["GET"])
def get_events() -> Any:
    """Events newest first: ?user_id=&event_type=&from=&to=&limit=&cursor="""
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
    """One event, by the key that its POST answered."""
    from chalicelib.flows import query

    stage, project, _ = _enter("read")
    return query.get_event(key, project=project.name, events=stage.events)


@app.route("/chunks/{chunk_id}", methods=["GET"])
def get_chunk(chunk_id: str) -> Any:
    """A chunk's receipt: in flight, committed or quarantined."""
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
    """Distinct events: ?event_type=&from=&to=&grain=minute|hour|day&tz="""
    from chalicelib.flows import query

    stage, project, asked = _enter("read")
    return query.count(asked, project=project.name, counters=stage.counters, marks=stage.marks)


@app.route("/reports", methods=["GET"])
def get_reports() -> Any:
    """Reports newest first: ?grain=hour|day&from=&to=&limit=&cursor="""
    from chalicelib.flows import query

    stage, project, asked = _enter("read")
    return query.find_reports(asked, project=project.name, reports=stage.reports, secret=stage.settings.cursor_secret)


@app.route("/rejections", methods=["GET"])
def get_rejections() -> Any:
    """Rejected events newest first, for some days: ?code=&from=&to=&limit=&cursor="""
    from chalicelib.flows import query

    stage, project, asked = _enter("read")
    return query.find_rejections(
        asked, project=project.name, rejections=stage.rejection_log, secret=stage.settings.cursor_secret
    )


@app.route("/status", methods=["GET"])
def get_status() -> Any:
    """How the stage does: queue, dead letters, the last hour by minute, the ledger; for its operators."""
    from chalicelib.flows import status

    stage, project, _ = _enter("read")
    return status.for_reader(project.name, stage.settings.operator_project, stage=stage.status, now=_now())


@app.route("/health", methods=["GET"])
def get_health() -> Any:
    """Whether this stage is set up; touches nothing that costs money."""
    settings = pipeline().settings
    return {"status": "ok", "open": settings.is_open, "stage": settings.stage_name}


@app.route("/", methods=["GET"])
@app.route("/m.js", methods=["GET"])
@app.route("/assets/{version}/{name}", methods=["GET"])
@app.route("/docs", methods=["GET"])
@app.route("/openapi.json", methods=["GET"])
def get_file(**_parameters: str) -> Any:
    """The live page, which asks the routes above, and its files; the script for sites; the description of this API."""
    from chalicelib.http import assets

    return assets.file_at(app.current_request)


@app.on_sqs_message(
    queue=trigger.queue_name,
    batch_size=trigger.batch_size,
    maximum_batching_window_in_seconds=trigger.window_seconds,
    maximum_concurrency=trigger.workers,
)
def process(event: Any) -> None:
    """Give the chunks of a batch their effects, exactly once."""
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
    """Recompute the reports of what changed, and publish them; then settle the quarantine and check the ledger."""
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
