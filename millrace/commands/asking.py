"""The commands that query a stage: events, counts, reports, rejections."""

from __future__ import annotations

from typing import Any

import click

from chalicelib.core.event import user_of
from chalicelib.core.windows import DAY, GRAINS, HOUR, Window, reported
from millrace import output
from millrace.commands.options import client_options, span_options
from millrace.commands.sent_text import SENT_TEXT
from millrace.io.client import Client


@click.command()
@click.option("--user", type=SENT_TEXT, help="Only this user's events.")
@click.option("--type", "event_type", type=SENT_TEXT, help="Only events of this type.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0: all.")
@span_options
@client_options
def events(
    client: Client, span: dict[str, str], user: str | None, event_type: str | None, limit: int, *, as_json: bool
) -> None:
    """List events, newest first.

    \b
    Example:
      millrace events --user u123 --from 2015-05-17 --to 2015-05-18 --json
    """
    rows = client.pages("/events", "events", limit, user_id=user, event_type=event_type, **span)
    if as_json:
        output.print_json(rows)
        return
    output.print_table(
        ("time", "type", "user", "properties"),
        ((row["timestamp"], row["event_type"], user_of(row), output.compact(row["properties"])) for row in rows),
    )


@click.command()
@click.option("--type", "event_type", type=SENT_TEXT, help="Only events of this type.")
@click.option("--grain", type=click.Choice(list(GRAINS)), default=HOUR.name, show_default=True)
@click.option("--tz", metavar="ZONE", help="Hours and days of this time zone, e.g. Europe/Berlin; default: UTC.")
@span_options
@client_options
def counts(
    client: Client, span: dict[str, str], event_type: str | None, grain: str, tz: str | None, *, as_json: bool
) -> None:
    """Count distinct events by type, for minutes, hours or days.

    \b
    Examples:
      millrace counts --grain day --from 2015-05-17 --to 2015-05-21
      millrace counts --grain day --tz Europe/Berlin
    """
    rows = client.rows("/counts", "counts", event_type=event_type, grain=grain, tz=tz, **span)["counts"]
    if as_json:
        output.print_json(rows)
    else:
        output.print_table(("start", "type", "count"), [row.values() for row in rows])


@click.command()
@click.option("--grain", type=click.Choice([grain.name for grain in reported()]), default=DAY.name, show_default=True)
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0: all.")
@span_options
@client_options
def report(client: Client, span: dict[str, str], grain: str, limit: int, *, as_json: bool) -> None:
    """Show reports, newest first.

    \b
    Example:
      millrace report --grain hour --from 2015-05-17T10:00:00Z --to 2015-05-17T12:00:00Z
    """
    rows = client.pages("/reports", "reports", limit, grain=grain, **span)
    if as_json:
        output.print_json(rows)
        return
    for row in rows:
        output.print_text(_report_text(row))


@click.command()
@click.option("--code", help="Only rejections with this code, e.g. schema_violation.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0: all.")
@span_options
@client_options
def rejections(client: Client, span: dict[str, str], code: str | None, limit: int, *, as_json: bool) -> None:
    """List rejected events, newest first, and accepted ones that violate their schema. They are stored for a week.

    \b
    Example:
      millrace rejections --code schema_violation --from 2015-05-17
    """
    rows = client.pages("/rejections", "rejections", limit, code=code, **span)
    if as_json:
        output.print_json(rows)
        return
    names = ("received_at", "code", "library", "field", "message", "event")
    output.print_table(
        ("received", "code", "library", "field", "message", "event"), ([row[name] for name in names] for row in rows)
    )


def _report_text(document: dict[str, Any]) -> str:
    from chalicelib.core.report import Report, plain_text

    head = {name: document.pop(name) for name in ("project", "grain", "start", "version")}
    window = Window(head["project"], head["grain"], GRAINS[head["grain"]].name_of(head["start"]))
    return plain_text(Report(window, head["version"], document))
