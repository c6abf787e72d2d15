"""Renders the API's description as a page: one file, without scripts and other resources."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; }
h2 code { font-weight: 600; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .25rem 1rem .25rem 0; border-top: 1px solid #8884; }
nav ul { columns: 20rem; padding-left: 1.25rem; }
td { overflow-wrap: anywhere; }
pre { overflow: auto; padding: .75rem; background: #8881; border-radius: .25rem; font-size: .85rem; }
""".strip()


#: Example requests for Millrace's own operations, by method and path. HOST is the stage's address.
EXAMPLES = {
    ("post", "/events"): """curl -s HOST/events -H 'Authorization: Bearer WRITE_KEY' \\
  -d '[{"event_type": "page_view", "user_id": "u123", "page": "/home"},
       {"event_type": "signup", "user_id": "u123", "event_id": "s-1", "timestamp": "2026-05-17T10:00:00Z"}]'""",
    ("get", "/events"): """curl -s -H 'Authorization: Bearer READ_KEY' 'HOST/events?user_id=u123&limit=10'""",
    ("get", "/events/{key}"): """curl -s -H 'Authorization: Bearer READ_KEY' HOST/events/KEY""",
    ("get", "/chunks/{chunk_id}"): """curl -s -H 'Authorization: Bearer READ_KEY' HOST/chunks/CHUNK_ID""",
    ("get", "/counts"): """curl -s -H 'Authorization: Bearer READ_KEY' \\
  'HOST/counts?grain=day&from=2026-05-11&to=2026-05-18&tz=Europe/Berlin'""",
    ("get", "/reports"): """curl -s -H 'Authorization: Bearer READ_KEY' 'HOST/reports?grain=day&limit=7'""",
    ("get", "/rejections"): """curl -s -H 'Authorization: Bearer READ_KEY' 'HOST/rejections?code=missing_field'""",
    ("get", "/status"): """curl -s -H 'Authorization: Bearer READ_KEY' HOST/status""",
    ("get", "/health"): """curl -s HOST/health""",
}


def render(document: dict[str, Any]) -> str:
    """Return the page. Only its style is inline, so the content security policy needs only the hash of the style."""
    info = document["info"]
    described = [
        (method, path, each) for path, methods in document["paths"].items() for method, each in methods.items()
    ]
    schemas = [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} API</title>",
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{escape(info['title'])} API</h1>",
            f"<p>{_text(info['description'])}</p>",
            '<p><a href=".">To the live page</a>. For programs: <a href="openapi.json">openapi.json</a> (OpenAPI).</p>',
            "<p>In the examples, HOST is the address of the stage. A stage that is open needs no key.</p>",
            f'<nav><h2>Contents</h2><ul>{_contents(described)}<li><a href="#schemas">Schemas</a></li></ul></nav>',
            *(_operation(*each) for each in described),
            '<h1 id="schemas">Schemas</h1>',
            *schemas,
            "</body></html>",
            "",
        ]
    )


def _contents(described: Sequence[tuple[str, str, dict[str, Any]]]) -> str:
    return "".join(
        f'<li><a href="#{_anchor(method, path)}"><code>{method.upper()} {escape(path)}</code></a> '
        f"{_text(operation['summary'])}</li>"
        for method, path, operation in described
    )


def _anchor(method: str, path: str) -> str:
    return method + re.sub(r"[^a-z0-9]+", "-", path.lower()).rstrip("-")


def _text(text: str) -> str:
    """Return text as HTML, with code between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [
        f'<h2 id="{_anchor(method, path)}"><code>{method.upper()} {escape(path)}</code></h2>',
        f"<p>{_text(operation['summary'])}. {_text(operation.get('description', ''))}</p>",
    ]
    if (method, path) in EXAMPLES:
        parts.append(f"<pre>{escape(EXAMPLES[method, path])}</pre>")
    parameters = [
        (each["name"], each["in"], _short(each["schema"]), each.get("description", ""))
        for each in operation.get("parameters", [])
    ]
    if parameters:
        parts.append(_table(("parameter", "in", "form", ""), parameters))
    if "requestBody" in operation:
        parts.append(f"<p>Body: {_links(operation['requestBody'])}</p>")
    answers = [(status, each["description"], _links(each)) for status, each in operation["responses"].items()]
    rows = "".join(f"<tr><td>{status}</td><td>{_text(text)}</td><td>{link}</td></tr>" for status, text, link in answers)
    return "\n".join([*parts, f"<table><tr><th>status</th><th></th><th>body</th></tr>{rows}</table>"])


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _links(holder: dict[str, Any]) -> str:
    return ", ".join(_link(content_type, content["schema"]) for content_type, content in holder["content"].items())


def _link(content_type: str, schema: dict[str, Any]) -> str:
    if "$ref" not in schema:
        return escape(content_type)
    name = schema["$ref"].rpartition("/")[2]
    return f'<a href="#{escape(name)}">{escape(name)}</a> <small>{escape(content_type)}</small>'


def _short(schema: dict[str, Any]) -> str:
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in schema.items())


def _schema(name: str, schema: dict[str, Any]) -> str:
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    return f'<h2 id="{escape(name)}">{escape(name)}</h2><pre>{escape(text)}</pre>'
