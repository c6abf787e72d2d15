"""The project store: projects with their settings, their catalogues, and the records of keys."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from chalicelib.adapters.data_formats import DataFormats
from chalicelib.adapters.items import Item, key_item, key_of, number, read_item, readable, text
from chalicelib.adapters.table import Table
from chalicelib.core import table_keys
from chalicelib.core.access_key import AccessKey
from chalicelib.core.project import Project

_SETTINGS = {each.name for each in fields(Project)} - {"name", "schemas", "version", "unknown"}
# The size of a compressed catalogue. An item takes 400 KB.
MAX_CATALOGUE_BYTES = 350_000


class ProjectStore:
    """`formats`: checks the stage's data format. Its item is read together with a project's settings."""

    def __init__(self, table: Table, formats: DataFormats) -> None:
        self._table = table
        self._formats = formats

    def get(self, name: str) -> Project | None:
        """Return a project's settings without its schemas, or None. Raises UnknownFormat."""
        key = table_keys.project(name)
        items = self._table.get_many([key, table_keys.DATA_FORMAT])
        self._formats.take(items.get(table_keys.DATA_FORMAT))
        return read_item(items[key], _project) if key in items else None

    def all(self) -> list[Project]:
        return list(readable(self._table.query(table_keys.PROJECTS), _project))

    def save(self, project: Project, *, replacing: Project | None) -> bool:
        """Save a project. `replacing`: its known state, or None if it is new. Return False if that is outdated."""
        version = number(replacing.version + 1 if replacing else 1)
        item = key_item(table_keys.project(project.name)) | {"b": text(_settings_text(project)), "v": version}
        if replacing is None:
            return self._table.put_if(item, "attribute_not_exists(pk)")
        return self._table.put_if(item, "v = :v", {":v": number(replacing.version)})

    def schemas(self, project: str, version: str) -> dict[str, str]:
        """Return the JSON Schemas of a version of a catalogue, as texts by event type."""
        item = self._table.get(table_keys.catalogue(project, version))
        return read_item(item, _schemas) if item else {}

    def save_schemas(self, project: str, schemas: dict[str, str]) -> str:
        """Save a catalogue. Return its version, a hash of its content. Raises ValueError if it is too large."""
        plain = json.dumps(schemas, sort_keys=True).encode()
        packed, version = zlib.compress(plain), hashlib.sha256(plain).hexdigest()[:16]
        if len(packed) > MAX_CATALOGUE_BYTES:
            raise ValueError(f"a catalogue takes at most {MAX_CATALOGUE_BYTES} bytes when it is compressed")
        self._table.put(key_item(table_keys.catalogue(project, version)) | {"b": {"B": packed}})
        return version

    def key(self, key_id: str) -> AccessKey | None:
        item = self._table.get(table_keys.access_key(key_id))
        return read_item(item, _key) if item else None

    def all_keys(self) -> list[AccessKey]:
        return list(readable(self._table.query(table_keys.ACCESS_KEYS), _key))

    def save_key(self, key: AccessKey) -> None:
        item = key_item(table_keys.access_key(key.key_id)) | {
            "p": text(key.project),
            "k": text(key.kind),
            "h": text(key.key_hash),
            "t": text(key.created.isoformat()),
        }
        if key.expires is not None:
            item |= {"u": text(key.expires.isoformat()), "x": number(int(key.expires.timestamp()))}
        self._table.put(item)

    def remove_key(self, key_id: str) -> None:
        self._table.delete(table_keys.access_key(key_id))


def _settings_text(project: Project) -> str:
    document: dict[str, Any] = asdict(project) | {"dropped": sorted(project.dropped)}
    settings = {name: document[name] for name in _SETTINGS}
    return json.dumps({**project.unknown, **settings}, sort_keys=True)


def _project(item: Item) -> Project:
    """Return the project in an item. A missing setting gets its default. Unknown settings are preserved."""
    found = json.loads(item["b"]["S"])
    known = {name: found.pop(name) for name in _SETTINGS & found.keys()}
    known["dropped"] = frozenset(known.get("dropped", ()))
    return Project(key_of(item).sk, **known, version=int(item["v"]["N"]), unknown=found)


def _schemas(item: Item) -> dict[str, str]:
    schemas: dict[str, str] = json.loads(zlib.decompress(item["b"]["B"]))
    return schemas


def _key(item: Item) -> AccessKey:
    return AccessKey(
        key_id=key_of(item).sk,
        project=item["p"]["S"],
        kind=item["k"]["S"],
        key_hash=item["h"]["S"],
        created=datetime.fromisoformat(item["t"]["S"]),
        expires=datetime.fromisoformat(item["u"]["S"]) if "u" in item else None,
    )
