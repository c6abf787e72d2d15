"""The status of the stage: what it says, what a part that does not answer costs, and how long it is remembered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from builders import NOW, World, make_chunk, make_message
from chalicelib.core.failures import REASONS, Quarantined
from chalicelib.core.windows import HOUR
from chalicelib.errors import StoreFailed
from chalicelib.flows import status
from fakes import FakeDeadLetters


def look(world: World, dead_letters: Any = None) -> dict[str, Any]:
    return status.look(
        ledger_sums=world.ledger_sums,
        quarantine=world.quarantine,
        queue=world.queue,
        dead_letters=dead_letters or FakeDeadLetters(),
        metrics=world.meter,
        now=NOW,
        look_back=timedelta(days=3),
        max_deliveries=4,
    )


def test_it_has_sixty_minutes_of_which_the_last_is_running() -> None:
    world = World()
    world.meter.add("accepted", 3)
    world.meter.add("seconds_to_stored", 0.5)
    minutes = look(world)["minutes"]
    assert [len(minutes), minutes[0]["start"], minutes[-1]["start"]] == [
        60,
        f"{NOW - timedelta(minutes=59):%Y-%m-%dT%H:%M}:00Z",
        f"{NOW:%Y-%m-%dT%H:%M}:00Z",
    ]
    assert (minutes[-1]["accepted"], minutes[-1]["seconds_to_stored_p95"]) == (3, 0.5)
    assert (minutes[0]["accepted"], minutes[0]["seconds_to_stored_p95"]) == (0, None)


def test_it_counts_what_waits_and_what_is_dead() -> None:
    world, dead = World(), FakeDeadLetters()
    world.queue.send(["one"])
    world.meter.oldest_seconds = 12.0
    dead.put("two")
    dead.put("three")
    found = look(world, dead)
    assert found["queue"] == {"depth": 1, "oldest_seconds": 12.0}
    assert found["dead_letters"] == {"count": 2, "max_deliveries": 4}


def test_it_holds_the_ledger_of_the_days_that_the_ledger_looks_back() -> None:
    world = World()
    world.process(make_message(make_chunk()))
    ledger = look(world)["ledger"]
    assert (ledger["stored"], ledger["balances"]) == (1, True)
    assert ledger["from"] == f"{NOW - timedelta(days=3):%Y-%m-%dT%H}:00:00Z"


def test_it_names_what_is_in_quarantine_with_the_reason_newest_first() -> None:
    world = World()
    names = [make_chunk().chunk_id for _ in range(12)]
    for number, name in enumerate(names):
        moment = f"2026-05-17T10:00:{number:02}.000000Z"
        world.quarantine.add(Quarantined("default", name, "too_old", 3, moment, moment), "")
    found = look(world)["quarantined"]
    assert (found["count"], len(found["newest"])) == (12, 10)
    assert found["newest"][0] == {
        "project": "default",
        "name": names[11],
        "code": "too_old",
        "reason": REASONS["too_old"],
        "accepted": 3,
        "quarantined_at": "2026-05-17T10:00:11Z",
    }


def test_the_last_event_was_accepted_in_a_minute_of_the_last_hour() -> None:
    world = World()
    world.meter.add("accepted", 3)
    assert look(world)["last_accepted"] == {"from": f"{NOW:%Y-%m-%dT%H:%M}:00Z", "grain": "minute"}


def test_a_minute_has_the_numbers_that_the_page_reads() -> None:
    numbers = {"accepted", "stored", "rejected", "duplicates", "seconds_to_stored_p50", "seconds_to_stored_p95"}
    assert {frozenset(minute) for minute in look(World())["minutes"]} == {frozenset({"start", *numbers})}


def test_the_last_event_of_a_quiet_stage_was_accepted_in_an_hour_of_the_ledgers_days() -> None:
    world = World()
    assert look(world)["last_accepted"] is None
    world.meter.last_hour = HOUR.floor(NOW - timedelta(days=2))
    assert look(world)["last_accepted"] == {"from": f"{NOW - timedelta(days=2):%Y-%m-%dT%H}:00:00Z", "grain": "hour"}
    world.meter.last_hour = HOUR.floor(NOW - timedelta(days=4))
    assert look(world)["last_accepted"] is None


def test_it_names_the_alarms_that_ring_since_when_and_how_many_there_are() -> None:
    world = World()
    world.meter.ringing = {"Latency": None, "ReportLag": NOW, "DeadLetters": NOW - timedelta(hours=1)}
    found = look(world)["alarms"]
    assert found["count"] == 3
    assert [alarm["name"] for alarm in found["ringing"]] == ["DeadLetters", "ReportLag"]
    assert look(World())["alarms"] == {"count": 0, "ringing": []}


def test_without_metrics_the_rest_is_still_told() -> None:
    world = World()
    world.meter.fails = True
    found = look(world)
    parts = ("minutes", "last_accepted", "alarms", "ledger", "queue")
    assert [found[part] for part in parts] == [None] * len(parts)
    assert found["dead_letters"] == {"count": 0, "max_deliveries": 4}


class MuteDeadLetters(FakeDeadLetters):
    def depth(self) -> int:
        raise StoreFailed("the dead letters do not answer")


def test_dead_letters_that_cannot_be_counted_are_not_said_to_be_none() -> None:
    found = look(World(), MuteDeadLetters())
    assert found["dead_letters"] is None
    assert found["minutes"] is not None


def test_a_document_is_made_again_only_when_it_is_old() -> None:
    made = []
    time = [100.0]

    def make(now: Any) -> dict[str, Any]:
        made.append(now)
        return {"number": len(made)}

    remembered = status.Remembered(make, seconds=30, clock=lambda: time[0])
    answers = []
    for time[0] in (100.0, 129.9, 130.0, 150.0):
        answers.append(remembered.at(NOW)["number"])
    assert answers == [1, 1, 2, 2]


def test_the_stages_own_numbers_are_for_the_operators_project_alone() -> None:
    stage = status.Remembered(lambda _: {"secret": 1}, seconds=30)
    own = status.for_reader("ops", operator_project="ops", stage=stage, now=NOW)
    other = status.for_reader("shop", operator_project="ops", stage=stage, now=NOW)
    assert (own, other) == ({"project": "ops", "stage": {"secret": 1}}, {"project": "shop", "stage": None})
