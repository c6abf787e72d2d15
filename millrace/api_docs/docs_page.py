"""The API's description as a page: one file, no script, nothing from elsewhere."""

from __future__ import annotations

import json
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
pre { overflow: auto; padding: .75rem; background: #8881; border-radius: .25rem; font-size: .85rem; }
""".strip()


def render(document: dict[str, Any]) -> str:
    """The whole page. Its style is the only inline part, so that a hash of it is all that a policy must allow."""
    info = document["info"]
    operations = [
        _operation(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
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
            f"<p>{escape(info['description'])}</p>",
            '<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>',
            *operations,
            "<h1>Schemas</h1>",
            *schemas,
            "</body></html>",
            "",
        ]
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>",
        f"<p>{escape(operation['summary'])}. {escape(operation.get('description', ''))}</p>",
    ]
    parameters = [
        (each["name"], each["in"], _short(each["schema"]), each.get("description", ""))
        for each in operation.get("parameters", [])
    ]
    if parameters:
        parts.append(_table(("parameter", "in", "form", ""), parameters))
    if "requestBody" in operation:
        parts.append(f"<p>Body: {_links(operation['requestBody'])}</p>")
    answers = [(status, each["description"], _links(each)) for status, each in operation["responses"].items()]
    rows = "".join(
        f"<tr><td>{status}</td><td>{escape(text)}</td><td>{link}</td></tr>" for status, text, link in answers
    )
    return "\n".join([*parts, f"<table><tr><th>status</th><th></th><th>body</th></tr>{rows}</table>"])


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
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
