"""A test of the tests: each way of breaking the protocol, in the source, must be caught by the fault tests.

A variant is a replacement of source text; if the text moves, its test fails until it is found again.
Elsewhere: what only time, or many interleavings, would show is broken on the fakes, in test_any_schedule.py
(stale reads of `c`, lifetimes, purged dead letters, orphans swept early, stored events deleted).
Nowhere, since there is nothing to break: a chunk cut or deduplicated anew by each attempt (both happen once,
at ingestion, and a message is never rewritten); acknowledgement that waits for other owners; stored events
emitted again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]


class Variant(NamedTuple):
    story: str
    module: str
    replacements: list[tuple[str, str]]


_ALL = "Outcome({record.chunk_id for record in records})"
VARIANTS = {
    "ADD outside the transaction": Variant("process", "adapters/commit_log.py", [
        ("            *counter_parts(commit.increments(records), shard),\n", ""),
        ("            taken = self._table.transact(",
         "            self._table.transact(counter_parts(commit.increments(records), 0))\n"
         "            taken = self._table.transact("),
    ]),
    "commit without its condition": Variant("process", "adapters/commit_log.py", [
        ('put_part(item, "attribute_not_exists(pk)")', "put_part(item)"),
    ]),
    "acknowledge before the commit": Variant("process", "flows/process.py", [
        ("    done = give_effects(",
         "    queue.delete([each.receipt_handle for job in jobs for each in job.messages])\n    done = give_effects("),
    ]),
    "insert without its condition": Variant("process", "adapters/event_store.py", [
        ("            answers = self._table.insert_each([row.item for row in rows])\n",
         "            for row in rows:\n"
         "                self._table.put(row.item)\n"
         "            return [row.owner for row in rows]\n"),
    ]),
    "unknown insert taken as a duplicate": Variant("process", "flows/effects.py", [
        ("if any(owner is None for _, owner in owned_by):", "if False:"),
    ]),
    "unknown insert taken as owned": Variant("process", "flows/effects.py", [
        ("if any(owner is None for _, owner in owned_by):", "if False:"),
        ("if owner == job.chunk.owner]", "if owner in (None, job.chunk.owner)]"),
    ]),
    "what exists is taken as mine": Variant("process", "adapters/event_store.py", [
        ("else found.get(row.key)", "else row.owner"),
    ]),
    "one's own event is taken as a duplicate": Variant("process", "adapters/event_store.py", [
        ("else found.get(row.key)", "else 'another'"),
    ]),
    "chunk id minted by each invocation": Variant("process", "flows/process.py", [
        ("            chunk = chunks.decode(message.body, latest=latest)\n",
         "            chunk = chunks.decode(message.body, latest=latest)\n"
         "            fresh = __import__('chalicelib.core.chunk_id', fromlist=['']).mint_chunk_id(chunk.sender.received, chunk.hour + ':05', __import__('os').urandom(10))\n"
         "            chunk = chunks.Chunk(fresh, chunk.sender, chunk.events, chunk.repeats)\n"),
    ]),
    "message id in place of the chunk id": Variant("process", "flows/process.py", [
        ("            chunk = chunks.decode(message.body, latest=latest)\n",
         "            chunk = chunks.decode(message.body, latest=latest)\n"
         "            stable = __import__('hashlib').sha256(message.receipt_handle.split('/')[0].encode()).digest()\n"
         "            fresh = __import__('chalicelib.core.chunk_id', fromlist=['']).mint_chunk_id(chunk.sender.received, chunk.hour + ':05', stable[:10])\n"
         "            chunk = chunks.Chunk(fresh, chunk.sender, chunk.events, chunk.repeats)\n"),
    ]),
    "counters not computed anew after a cancel": Variant("process", "adapters/commit_log.py", [
        ("        if attempt:\n",
         "        if not {each.chunk_id for each in records} < {each.chunk_id for each in getattr(self, '_first', ())}:\n"
         "            self._first = list(records)\n        if attempt:\n"),
        ("commit.increments(records)", "commit.increments(self._first)"),
    ]),
    "a cancel acknowledges the whole group": Variant("process", "adapters/commit_log.py", [
        ("        if taken:\n", f"        if taken:\n            return {_ALL}\n"),
    ]),
    "unknown transaction taken as done": Variant("process", "adapters/commit_log.py", [
        ("        except StoreFailed:\n            return Outcome(set())", f"        except StoreFailed:\n            return {_ALL}"),
    ]),
    "an identity twice in a POST is not deduplicated": Variant("process", "flows/ingest.py", [
        ("        if names.isdisjoint(identities):", "        if kept:"),
    ]),
    "a chunk twice in a batch is not merged": Variant("ingest", "flows/process.py", [
        ("jobs.setdefault(chunk.chunk_id, Job(chunk))", "jobs.setdefault(message.receipt_handle, Job(chunk))"),
    ]),
    "duplicates dropped across the chunks of a batch": Variant("process", "flows/effects.py", [
        ("    owners = iter(events.claim([(job.chunk, event) for job in jobs for event in job.chunk.events]))\n",
         "    seen, wanted = set(), [(job.chunk, event) for job in jobs for event in job.chunk.events]\n"
         "    fresh = [not (event.identity in seen or seen.add(event.identity)) for _, event in wanted]\n"
         "    answers = iter(events.claim([each for each, is_fresh in zip(wanted, fresh) if is_fresh]))\n"
         "    owners = iter([next(answers) if is_fresh else 'another' for is_fresh in fresh])\n"),
    ]),
    "archive objects share a name": Variant("process", "adapters/archive.py", [("{uuid4().hex}", "batch")]),
    "commit despite an unknown archive write": Variant("process", "adapters/archive.py", [
        ("        self._bucket.put(name, pack(events), _CONTENT_TYPE)\n",
         "        try:\n"
         "            self._bucket.put(name, pack(events), _CONTENT_TYPE)\n"
         "        except Exception:\n"
         "            pass\n"),
    ]),
    "archive after the commit": Variant("process", "flows/effects.py", [
        ("        records = _archive(claimed, archive, meter, now, report_properties)\n"
         "        committed = _commit(records, commits, time)\n",
         "        class Later:\n"
         "            def write(self, events, now):\n"
         "                self.events, self.name = events, 'events/' + __import__('uuid').uuid4().hex\n"
         "                return self.name\n"
         "        later = Later()\n"
         "        records = _archive(claimed, later, meter, now, report_properties)\n"
         "        committed = _commit(records, commits, time)\n"
         "        if hasattr(later, 'events'):\n"
         "            from chalicelib.adapters.archive import pack\n"
         "            archive._bucket.put(later.name, pack(later.events), 'application/gzip')\n"),
    ]),
    "all events archived, not only the owned": Variant("process", "flows/effects.py", [
        ("for event in job.owned] for job in jobs]", "for event in job.chunk.events] for job in jobs]"),
        ("if job.chunk.is_single and theirs else None", "if job.chunk.is_single and job.owned else None"),
    ]),
    "commit records refer to all events": Variant("process", "flows/effects.py", [
        ("commit.make_record(job.chunk, job.owned,", "commit.make_record(job.chunk, job.chunk.events,"),
    ]),
    "a single that is a duplicate taken as committed": Variant("process", "adapters/commit_log.py", [
        ("duplicates, owners, unknown)", "set(), {}, unknown)"),
        (" if is_committed(chunk_id, item)}\n        unknown", "}\n        unknown"),
    ]),
    "a single archived before it is looked up": Variant("erase", "flows/effects.py", [
        ("            outcome = commits.look([job.chunk for job in some])\n", "            outcome = Outcome(set())\n"),
    ]),
    "one's own single taken as a duplicate": Variant("process", "adapters/commit_log.py", [
        ("if is_committed(chunk_id, item)}\n        unknown", "if 'c' not in item}\n        unknown"),
    ]),
    "records that singles share have one name": Variant("process", "adapters/commit_log.py", [
        ("mint_chunk_id(datetime.now(UTC), minute, os.urandom(10))", "mint_chunk_id(datetime(2026, 1, 1), minute, bytes(10))"),
    ]),
    "a guard that is not asked": Variant("process", "adapters/event_store.py", [
        ("self._id_guard_row, self._guard_row, self._pointer_row)", "self._id_guard_row, self._pointer_row)"),
    ]),
    "a pointer that is not asked": Variant("process", "adapters/event_store.py", [
        ("self._id_guard_row, self._guard_row, self._pointer_row)", "self._id_guard_row, self._guard_row)"),
    ]),
    "an event claimed before its pointer": Variant("process", "adapters/event_store.py", [
        ("        for row_of in (self._id_guard_row", "        self._claim_for(range(len(claims)), claims, owners, self._event_row)\n        for row_of in (self._id_guard_row"),
    ]),
    "success for a chunk that is not queued": Variant("ingest", "flows/ingest.py", [
        ("    if len(queued) < len(chunks):", "    if not queued:"),
    ]),
    "hours not marked": Variant("aggregate", "adapters/marks.py", [
        ("for project, hour in hours\n", "for project, hour in ()\n"),
    ]),
    "a mark deleted whatever came in between": Variant("aggregate", "adapters/marks.py", [
        ('self._table.delete_if(_key(mark), "k = :k", {":k": text(mark.token)})', "self._table.delete(_key(mark))"),
    ]),
    "an erased event leaves nothing": Variant("erase", "adapters/erasure.py", [
        ('            "Update": {\n', '            "Delete": {\n'),
        ('                "UpdateExpression": "SET z = :true REMOVE b, t",\n', ""),
        ('{":c": text(owner_of(chunk_id)), ":true": {"BOOL": True}}', '{":c": text(owner_of(chunk_id))}'),
    ]),
    "an erased event stays counted": Variant("erase", "adapters/erasure.py", [
        ("commit.decrements(before, after)", "{}"),
    ]),
    "what is erased still belongs to its chunk": Variant("erase", "adapters/event_item.py", [
        ('NOBODY if "z" in item else ', ""),
    ]),
    "an erased user's hour summary left behind": Variant("erase", "adapters/hour_summaries.py", [
        ('            self._bucket.delete(f"summaries/{unnamed}")\n', "            pass\n"),
    ]),
    "reports saved over any version": Variant("aggregate", "adapters/report_store.py", [
        (', "attribute_not_exists(pk) OR v < :v", {":v": version["v"]})', ")"),
    ]),
    "a report taken as published before it is": Variant("aggregate", "flows/reports.py", [
        ("            document = reporting.dump(report.to_json())\n",
         "            self.reports.mark_published(report)\n            document = reporting.dump(report.to_json())\n"),
    ]),
    "a dead letter deleted before it is known to be moved": Variant("quarantine", "../millrace/ops/dead_letter_moves.py", [
        ("        moved = move(waiting)\n"
         "        outcome.copies_left += len(done) + len(moved) - scan.delete([*done, *moved])\n",
         "        scan.delete([*done, *waiting])\n        moved = move(waiting)\n"),
    ]),
    "a settled record removed before its object": Variant("quarantine", "adapters/quarantine.py", [
        ("        self._bucket.delete(_object_name(entry))\n        delete = ", "        delete = "),
        ("key_item(_place(entry))}}], -1)\n", "key_item(_place(entry))}}], -1)\n        self._bucket.delete(_object_name(entry))\n"),
    ]),
    "the quarantine counted beside its entry": Variant("quarantine", "adapters/quarantine.py", [
        ("                self._table.transact([*parts, *_sum_parts(entry, entries)])\n",
         "                self._table.transact(_sum_parts(entry, entries))\n                self._table.transact(parts)\n"),
    ]),
    "a quarantined chunk sent under a new id": Variant("quarantine", "../millrace/ops/quarantine_replay.py", [
        ("        return body\n",
         "        fresh = __import__('chalicelib.core.chunk_id', fromlist=['']).mint_chunk_id(now, chunk.hour + ':05', __import__('os').urandom(10))\n"
         "        return chunks.encode(replace(chunk, chunk_id=fresh))\n"),
    ]),
}  # fmt: skip
#: Run with every `make test`; the others with `make chaos`.
SAMPLE = "acknowledge before the commit"
# pytest's one line for a failed test: whatever else goes wrong in a variant is no proof that the tests see it.
_VIOLATION = re.compile(r"^.*: oracle\.Violation: (.*)$", re.MULTILINE)


def break_source(variant: Variant) -> str:
    text = (ROOT / "chalicelib" / variant.module).read_text()
    for old, new in variant.replacements:
        assert old in text, f"the source has changed: {old!r}"
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_still_finds_what_it_breaks(name: str) -> None:
    break_source(VARIANTS[name])


@pytest.mark.parametrize("name", VARIANTS)
def test_a_broken_protocol_is_caught(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, figures: Callable[[str], None]
) -> None:
    if name != SAMPLE and not request.config.getoption("--thorough"):
        pytest.skip("runs with make chaos")
    variant = VARIANTS[name]
    broken = break_source(variant)
    for part in ("chalicelib", "millrace", "tests"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / ".venv-emulator").symlink_to(ROOT / ".venv-emulator")
    (tmp_path / "chalicelib" / variant.module).write_text(broken)
    tried = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "--tb=line",
            "-k",
            f"one_fault and {variant.story}",
            "tests/faults/test_crash_points.py",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    caught = _VIOLATION.search(tried.stdout)
    assert caught, tried.stdout[-3000:] + tried.stderr[-3000:]
    figures(f"{name}: caught by {caught[1]}")
