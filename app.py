"""The map of Millrace: every entry point, the flow behind it, and nothing else.

An entry point imports its flow itself, so that a cold start pays for no other: marshmallow alone takes 20 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chalice import Rate

from chalicelib.adapters.queue import read_messages
from chalicelib.core.dialects import Post, own, posthog, segment
from chalicelib.core.project import Project
from chalicelib.errors import Problem
from chalicelib.http import answers, requests
from chalicelib.settings import Trigger
from chalicelib.wiring import Pipeline, measured, pipeline

# API Gateway hands these bodies over as bytes; anything else as text.
BINARY_TYPES = [
    *("application/gzip", "application/octet-stream", "application/x-gzip"),
    *("text/plain", "application/x-www-form-urlencoded"),  # what libraries call their gzip
]
# What clients send, from any web page, whatever they call it.
OPEN: Any = {"content_types": ["*/*"], "cors": answers.CORS}

app = answers.Application(app_name="millrace", configure_logs=False)
app.api.binary_types[:] = BINARY_TYPES
app.register_middleware(measured, "all")
app.register_middleware(answers.speak_problem_json, "http")

trigger = Trigger.from_environ()


def _now() -> datetime:
    return datetime.now(UTC)


def _enter(*kinds: str) -> tuple[Pipeline, Any, Project]:
    """The stage, the request, and the project that its key, of one of these kinds, speaks for."""
    stage, request = pipeline(), app.current_request
    return stage, request, stage.access.project_for(requests.key_of(request), *kinds, now=_now())


def _receive(read: Callable[..., Post], *details: str, **more: Any) -> Any:
    """Take in what a dialect reads of the request; `more` is what its libraries expect in the answer."""
    return answers.answer(_queue(read, *details) | more)


def _queue(read: Callable[..., Post], *details: str) -> dict[str, Any]:
    from chalicelib.http import ingestion

    return ingestion.receive(read, *details, stage=pipeline(), request=app.current_request, now=_now())


@app.route("/events", methods=["POST"], **OPEN)
def post_events() -> Any:
    """Take events in: one object, an array, or {"events": [...]}, or CloudEvents; plain or gzip."""
    return _receive(own.read)


@app.route("/v1/{call}", methods=["POST"], **OPEN)
def post_segment(call: str) -> Any:
    """Segment and RudderStack: batch, import, track, identify, page, screen, group, alias, and their first letters."""
    return _receive(segment.read, call, success=True)


@app.route("/batch", methods=["POST"], **OPEN)
@app.route("/capture", methods=["POST"], **OPEN)
@app.route("/e", methods=["POST"], **OPEN)
@app.route("/track", methods=["POST"], **OPEN)
@app.route("/i/v0/e", methods=["POST"], **OPEN)
def post_posthog() -> Any:
    """PostHog, in every path that its libraries have used."""
    return _receive(posthog.read, status=1)


@app.route("/v1/projects/{key}/settings", methods=["GET"], cors=answers.CORS)
def get_segment_settings(key: str) -> Any:
    """What Segment's browser library asks for before it sends anything: where to."""
    return answers.answer(segment.settings(key, requests.address_of(app.current_request)))


@app.route("/flags", methods=["POST"], **OPEN)
@app.route("/decide", methods=["POST"], **OPEN)
def post_flags() -> Any:
    """PostHog's libraries ask for feature flags, of which there are none."""
    return answers.answer(posthog.NO_FLAGS)


@app.route("/array/{key}/config", methods=["GET"], cors=answers.CORS)
def get_posthog_config(key: str) -> Any:  # noqa: ARG001 - the same for every key
    """PostHog's browser library asks which of its extras it shall load: none."""
    return answers.answer(posthog.NO_EXTRAS)


@app.route("/pixel.gif", methods=["GET"])
def get_pixel() -> Any:
    """An event in the query of an image, for mail and pages without script."""
    try:
        _queue(own.read_pixel)
    except Problem as problem:
        return answers.pixel(problem)
    return answers.pixel()


@app.route("/events", methods=["GET"])
def get_events() -> Any:
    """Events newest first: ?user_id=&event_type=&from=&to=&limit=&cursor="""
    from chalicelib.flows import query

    stage, request, project = _enter("read")
    return answers.answer(
        query.find_events(
            requests.parameters_of(request),
            project=project.name,
            events=stage.events,
            counters=stage.counters,
            commits=stage.commits,
            secret=stage.settings.cursor_secret,
            user_as_stored=project.user_as_stored,
        )
    )


@app.route("/events/{key}", methods=["GET"])
def get_event(key: str) -> Any:
    """One event, by the key that its POST answered."""
    from chalicelib.flows import query

    stage, _, project = _enter("read")
    return answers.answer(query.get_event(key, project=project.name, events=stage.events))


@app.route("/chunks/{chunk_id}", methods=["GET"])
def get_chunk(chunk_id: str) -> Any:
    """A chunk's receipt: in flight, committed or quarantined."""
    from chalicelib.flows import query

    stage, _, project = _enter("write", "read")
    return answers.answer(
        query.get_receipt(
            chunk_id,
            project=project.name,
            commits=stage.commits,
            quarantine=stage.quarantine,
            failure_notes=stage.failure_notes,
            oldest=_now() - stage.settings.max_chunk_age,
        )
    )


@app.route("/counts", methods=["GET"])
def get_counts() -> Any:
    """Distinct events: ?event_type=&from=&to=&grain=minute|hour|day&tz="""
    from chalicelib.flows import query

    stage, request, project = _enter("read")
    return answers.answer(query.count(requests.parameters_of(request), project=project.name, counters=stage.counters))


@app.route("/reports", methods=["GET"])
def get_reports() -> Any:
    """Reports newest first: ?grain=hour|day&from=&to=&limit=&cursor="""
    from chalicelib.flows import query

    stage, request, project = _enter("read")
    return answers.answer(
        query.find_reports(
            requests.parameters_of(request),
            project=project.name,
            reports=stage.reports,
            secret=stage.settings.cursor_secret,
        )
    )


@app.route("/rejections", methods=["GET"])
def get_rejections() -> Any:
    """Rejected events newest first, for some days: ?code=&from=&to=&limit=&cursor="""
    from chalicelib.flows import query

    stage, request, project = _enter("read")
    return answers.answer(
        query.find_rejections(
            requests.parameters_of(request),
            project=project.name,
            rejections=stage.rejection_log,
            secret=stage.settings.cursor_secret,
        )
    )


@app.route("/status", methods=["GET"])
def get_status() -> Any:
    """How the stage does: queue, dead letters, the last hour by minute, the ledger; for its operators."""
    from chalicelib.flows import status

    stage, _, project = _enter("read")
    operators = stage.settings.operator_project
    return answers.answer(status.for_reader(project.name, operator_project=operators, stage=stage.status, now=_now()))


@app.route("/", methods=["GET"])
def get_page() -> Any:
    """The live page, which asks the routes above."""
    from chalicelib.http import assets

    return assets.show(assets.index(), app.current_request)


@app.route("/assets/{version}/{name}", methods=["GET"])
def get_asset(version: str, name: str) -> Any:
    """A script or a style sheet of the page."""
    from chalicelib.http import assets

    return assets.show(assets.asset(version, name), app.current_request)


@app.route("/health", methods=["GET"])
def get_health() -> Any:
    """Whether this stage is set up; touches nothing that costs money."""
    return answers.answer({"status": "ok", "open": pipeline().settings.is_open})


@app.route("/openapi.json", methods=["GET"])
def get_openapi() -> Any:
    """The description of this API for programs."""
    from chalicelib.http import assets

    return assets.description()


@app.route("/docs", methods=["GET"])
def get_docs() -> Any:
    """The same for people."""
    from chalicelib.http import assets

    return assets.description_page()


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
        settings=stage.settings,
    )


@app.schedule(Rate(5, unit=Rate.MINUTES))
def aggregate(_event: Any) -> dict[str, int]:
    """Check the ledger; make the reports of what changed anew, and publish them."""
    from chalicelib.flows import aggregate as aggregator
    from chalicelib.flows import reconciliation

    stage = pipeline().checked()
    reconciliation.check(
        ledger_sums=stage.ledger_sums,
        quarantine=stage.quarantine,
        queue=stage.queue,
        dead_letters=stage.dead_letters,
        metrics=stage.metrics,
        meter=stage.meter,
        now=_now(),
    )
    return aggregator.aggregate(
        marks=stage.marks,
        commits=stage.commits,
        reports=stage.reports,
        hour_summaries=stage.hour_summaries,
        topic=stage.topic,
        meter=stage.meter,
        now=_now(),
    )
