"""What must be true of a stage in the end, read from raw items and objects and from nothing of ours.

It knows the documented form of the data (docs/data.md), not the code that writes it.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.core import event_body, summary, table_keys
from chalicelib.core.event import event_key
from chalicelib.core.table_keys import Key
from stage import Clients

Identity = tuple[str, str, str]  # user, time (to the second), event_id
# Reports are written for people: nothing of ours reads them in the bucket.
PREFIXES = ("events/", "quarantine/", "summaries/")


class Violation(AssertionError):
    """A guarantee does not hold. A test of the tests demands this, and takes nothing else for it."""


def demand(holds: object, violation: str, *facts: object) -> None:
    """Raise a Violation, which states the facts, unless it holds."""
    if not holds:
        raise Violation(violation.format(*facts))


def read_objects(clients: Clients, bucket_name: str, prefixes: tuple[str, ...]) -> dict[str, bytes]:
    """The objects whose names start so, by their names."""
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket_name)
    names = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return {
        name: clients.s3.get_object(Bucket=bucket_name, Key=name)["Body"].read()
        for name in names
        if name.startswith(prefixes)
    }


class Findings:
    """The raw content of a stage, and everything that is wrong with it."""

    def __init__(self, clients: Clients, table_name: str, bucket_name: str) -> None:
        pages = clients.dynamodb.get_paginator("scan").paginate(TableName=table_name, ConsistentRead=True)
        items = [item for page in pages for item in page["Items"]]
        known = {(i["pk"]["S"], i["sk"]["S"]): i for i in items if "#e#" in i["pk"]["S"] and "p" not in i}
        self.events = {key: item for key, item in known.items() if "z" not in item}
        self.erased = {key: item for key, item in known.items() if "z" in item}
        self.days = [item for item in items if "#d#" in item["pk"]["S"]]
        self.records = {item["sk"]["S"][7:]: item for item in self.days if item["sk"]["S"].startswith("c#")}
        # A single's event is its commit record, and names the record that it shares with others.
        self.singles = {item["c"]["S"]: item for item in known.values() if "i" in item}
        self.reports = {(i["pk"]["S"], i["sk"]["S"]): i for i in items if "#r#" in i["pk"]["S"]}
        self.hour_summaries = {i["sk"]["S"]: i for i in items if "#summary#" in i["pk"]["S"]}
        self.totals = {i["sk"]["S"]: i for i in items if i["pk"]["S"].endswith("#totals")}
        self.marks = [item for item in items if item["pk"]["S"].startswith("#marks#")]
        self.unfinished = [item for item in items if item["pk"]["S"] == "#unfinished"]
        self.ledger = [item for item in items if item["pk"]["S"].startswith("#ledger#")]
        self.quarantined = {i["sk"]["S"]: i for i in items if i["pk"]["S"] == "#quarantine"}
        self.quarantine_places = {i["sk"]["S"] for i in items if i["pk"]["S"] == "#quarantine-by-time"}
        totals = [i for i in items if i["pk"]["S"] == "#quarantine-sums" and i["sk"]["S"].startswith("-#")]
        self.quarantine_count = sum(int(item["c"]["N"]) for item in totals)
        objects = read_objects(clients, bucket_name, PREFIXES)
        self.summary_objects = {name: body for name, body in objects.items() if name.startswith("summaries/")}
        self.objects = {name: json.loads(body) for name, body in objects.items() if name.startswith("quarantine/")}
        self.lines: list[tuple[str, dict[str, Any]]] = [
            (name, json.loads(line))
            for name, body in objects.items()
            if name.startswith("events/")
            for line in gzip.decompress(body).splitlines()
        ]

    def quarantine_violations(self, bodies: Iterable[str]) -> list[str]:
        """The quarantine lists exactly these messages, each with its object, which holds it whole."""
        listed = set(map(quarantined_object, self.quarantined))
        found = [f"listed without its object: {name}" for name in listed - set(self.objects)]
        found += [f"an object that is not listed: {name}" for name in set(self.objects) - listed]
        listed_at = {f"{item['q']['S']}#{name}" for name, item in self.quarantined.items()}
        found += [] if listed_at == self.quarantine_places else ["the quarantine by time has other entries"]
        total = len(self.quarantined)
        found += [] if self.quarantine_count == total else [f"{self.quarantine_count} counted, {total} in quarantine"]
        kept = sorted(document["message"] for document in self.objects.values())
        return found + (
            [] if kept == sorted(bodies) else [f"{len(kept)} messages are in quarantine, not those expected"]
        )

    def stored_events(self) -> list[dict[str, Any]]:
        return [_event(item) for item in self.events.values()]

    def archived_events(self) -> list[dict[str, Any]]:
        """A line counts only if the commit record of its chunk names its object."""
        return [event for name, event in self.lines if self.record_of(event["chunk_id"]).get("o", {}).get("S") == name]

    def record_of(self, chunk_id: str) -> dict[str, Any]:
        """The record that refers to a chunk's events; nothing if there is none."""
        single = self.singles.get(chunk_id[:42]) if len(chunk_id) > 42 else None
        return dict(self.records.get(single["i"]["S"] if single else chunk_id[:42], {}))

    def counted(self) -> Counter[tuple[str, str]]:
        """Events by minute and type."""
        sums: Counter[tuple[str, str]] = Counter()
        for item in self.days:
            if item["sk"]["S"].startswith("n#"):
                day = item["pk"]["S"].split("#")[2]
                _, hour, event_type = item["sk"]["S"].split("#", 2)
                for name, value in item.items():
                    if name.startswith("m"):
                        sums[f"{day}T{hour}:{name[1:]}", event_type] += int(value["N"])
        return Counter({counter: count for counter, count in sums.items() if count})  # zero after an erasure

    def owned(self) -> Counter[Identity]:
        refs: Counter[Identity] = Counter()
        for item in self.records.values():
            by_type, _ = summary.unpack(item["s"]["B"])
            refs.update((user, time[:19], event_id) for each in by_type.values() for time, user, event_id in each)
        return refs

    def violations(self, expected: Counter[tuple[str, str]] | None = None) -> list[str]:
        """Everything that contradicts: stored once, archived once, counted once, reported as counted.

        `expected`: how many events there must be, by user and event_id.
        """
        stored = Counter(_identity(event) for event in self.stored_events())
        archived = Counter(_identity(event) for event in self.archived_events())
        truth = Counter((event["timestamp"][:16], event["event_type"]) for event in self.stored_events())
        found = []
        if expected is not None and Counter((user, event_id) for user, _, event_id in stored) != expected:
            found.append(f"stored {len(stored)} events, not the {len(expected)} that were accepted")
        if archived != stored:
            found.append(f"archive: {sum(archived.values())} lines count, {len(stored)} events are stored")
        if self.owned() != stored:
            found.append("the commit records do not own each stored event once")
        found += [
            f"an erased event holds more than its identity: {each}" for each in self.erased.values() if "b" in each
        ]
        for record in self.records.values():
            by_type, _ = summary.unpack(record["s"]["B"])
            if int(record["k"]["N"]) != sum(map(len, by_type.values())):
                found.append(f"a commit record says that it owns {record['k']['N']} events")
        if self.counted() != truth:
            found.append(f"counters say {self.counted().total()}, {truth.total()} events are stored")
        said = [_sum(self.ledger, name) for name in ("c", "n", "k")]
        # Ingestion measured what it received, and nothing of what was replayed from the archive.
        shared = {item["i"]["S"] for item in self.singles.values()}
        own = [
            item
            for chunk_id, item in self.records.items()
            if chunk_id not in shared and not _is_replayed(chunk_id, item["r"]["S"])
        ]
        singles = [owner for owner, item in self.singles.items() if not self._was_replayed(owner, item)]
        stored_once = _sum(own, "k") + _sum([item for item in own if "e" in item], "e")
        true = [len(own) + len(singles), _sum(own, "n") + len(singles), stored_once + len(singles)]
        if said != true:
            found.append(f"the ledger says {said} chunks, accepted and stored, the commit records {true}")
        found += [f"committed twice: {each}" for each in self.records if each in self.singles]
        if not all(self.record_of(event["chunk_id"]) for event in self.stored_events()):
            found.append("a stored event's chunk has no commit record")
        return found

    def is_committed(self, chunk_id: str) -> bool:
        return chunk_id[:42] in self.records or (len(chunk_id) > 42 and chunk_id[:42] in self.singles)

    def _was_replayed(self, owner: str, single: dict[str, Any]) -> bool:
        if "b" in single:
            return _is_replayed(owner, _event(single)["received_at"])
        # Of an erased event only this is left: when the last of those was received whose record it shares.
        record = self.records.get(single["i"]["S"])
        return record is not None and _is_replayed(owner, record["r"]["S"], within_seconds=60)

    def report_violations(self) -> list[str]:
        """After an aggregator run: every hour and day with events has one report, and it is right."""
        found = [f"mark left: {item['sk']['S']}" for item in self.marks]
        for grain, length in (("hour", 13), ("day", 10)):
            events = Counter((event["project"], event["timestamp"][:length]) for event in self.stored_events())
            reports = {
                (pk.split("#")[0], window): json.loads(item["b"]["S"])["events"]
                for (pk, window), item in self.reports.items()
                if pk.endswith(f"#{grain}")
            }
            reports = {window: count for window, count in reports.items() if count}  # all of it was erased
            if reports != dict(events):
                found.append(f"{grain} reports {reports} do not say {dict(events)}")
        return found + self._summary_violations() + self._totals_violations()

    def _summary_violations(self) -> list[str]:
        """Every hour summary says what is stored of the hour."""
        found = []
        for hour, item in self.hour_summaries.items():
            packed = item["b"]["B"] if "b" in item else self.summary_objects.get(f"summaries/{item['o']['S']}")
            types, users, *_ = json.loads(zlib.decompress(packed)) if packed else ({}, [])
            stored = [event for event in self.stored_events() if event["timestamp"].startswith(hour)]
            if types != Counter(event["event_type"] for event in stored):
                found.append(f"the summary of {hour} counts {types}")
            if users != sorted({_identity(event)[0] for event in stored}):
                found.append(f"the summary of {hour} holds {users}")
        hours = {window for pk, window in self.reports if pk.endswith("#hour")}
        if hours != set(self.hour_summaries):
            found.append(f"hour summaries of {set(self.hour_summaries)}, reports of {hours}")
        return found

    def _totals_violations(self) -> list[str]:
        """The totals of a day that has no mark say what its counters say."""
        behind = {item["sk"]["S"].partition("#")[2][:10] for item in self.marks}
        by_day: dict[str, Counter[str]] = {}
        for (minute, event_type), count in self.counted().items():
            by_day.setdefault(minute[:10], Counter())[event_type] += count
        found = []
        for day, item in self.totals.items():
            document = json.loads(zlib.decompress(item["b"]["B"]))
            sums = {name: sum(sum(each.values()) for each in hours.values()) for name, hours in document.items()}
            if day not in behind and Counter(sums) != by_day.get(day, Counter()):
                found.append(f"the totals of {day} say {sums}, its counters {by_day.get(day)}")
        return found

    def summarized_users(self) -> set[str]:
        """Return the users that any hour summary holds, whether or not an item names it."""
        every = [item["b"]["B"] for item in self.hour_summaries.values() if "b" in item] + [
            *self.summary_objects.values()
        ]
        return {user for packed in every for user in json.loads(zlib.decompress(packed))[1]}


def _event(item: dict[str, Any]) -> dict[str, Any]:
    """An event from its item. What bodies are compressed against is data, and lies in one place."""
    project, ref = table_keys.parse_event_item(Key(item["pk"]["S"], item["sk"]["S"]))
    owner = item["c"]["S"]
    chunk_id = f"{owner}-{event_key(ref)}" if "i" in item else owner
    return event_body.unpack(item["b"]["B"], project, ref, item["t"]["S"], chunk_id)


def quarantined_object(sort_key: str) -> str:
    """The object of an entry, which names a project and a chunk, or no project and a message."""
    project, _, name = sort_key.partition("#")
    return f"quarantine/{'' if project else 'undecodable/'}{name}.json"


def _sum(items: Iterable[dict[str, Any]], name: str) -> int:
    return sum(int(item[name]["N"]) for item in items)


def _is_replayed(chunk_id: str, received: str, within_seconds: float = 0.01) -> bool:
    """Whether a chunk's id is of another time than its receipt."""
    characters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    minted = sum(characters.index(each) * 32 ** (9 - place) for place, each in enumerate(chunk_id[:10])) / 1000
    return bool(abs(minted - datetime.fromisoformat(received).timestamp()) > within_seconds)


def _identity(event: dict[str, Any]) -> Identity:
    user: str = event["user_id"] if "user_id" in event else event["anonymous_id"]
    return (user, event["timestamp"][:19], event["event_id"])
