"""What months do to exactly-once: attempts to send one event that wait in quarantine until nearly all is forgotten.

Each case runs once as the product is, and once with the rule broken that it is about: then it must fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from broken import AsksNoPointer, JudgesByToday, JudgesNothingAsExpired, ReadsStaleOwners, TakesAllForOwned
from builders import make_message
from chalicelib.core.chunk import Chunk
from chalicelib.core.project import Project
from chalicelib.ports import Message
from months import NEVER, ONCE, Months

HOURS = timedelta(hours=1)
Case = Callable[[Months], None]
#: Each case, and the stages on which its rule is broken.
CASES: dict[str, tuple[Case, Sequence[type[Months]]]] = {}


class GuardsForAMonth(Months):
    pointing_kept = timedelta(days=37)


class NoPointers(Months):
    event_store = AsksNoPointer


class RenewsAtAnyAge(Months):
    history = JudgesNothingAsExpired


class TodaysLifetimes(Months):
    history = JudgesByToday


class RenewsTheErased(Months):
    def erased(self) -> dict[str, Any]:
        return {}


class StaleOwners(Months):
    event_store = ReadsStaleOwners


class OwnsAll(Months):
    event_store = TakesAllForOwned


class FirstCopyCounts(Months):
    def deliver(self, messages: Sequence[Message]) -> None:
        first = {self._id(each): each.body for each in reversed(messages)}
        super().deliver([replace(each, body=first[self._id(each)]) for each in messages])

    @staticmethod
    def _id(message: Message) -> str:
        return message.body.partition('"chunk_id":"')[2].partition('"')[0]


def case(*broken: type[Months]) -> Callable[[Case], Case]:
    def note(function: Case) -> Case:
        CASES[function.__name__] = (function, broken)
        return function

    return note


def wait_in_quarantine(stage: Months, *given: Chunk, days: float = 40) -> None:
    """The chunks come back from the quarantine, with a new age."""
    stage.quarantine(*given)
    stage.pass_days(days)
    assert stage.renew().refused == 0
    stage.process_queue()
    assert stage.in_quarantine() == 0


# --- a client tried twice


@case(NoPointers, GuardsForAMonth)
def the_user_signed_in_between_the_attempts(stage: Months) -> None:
    anonymous, signed_in = stage.post_segment(), stage.post_segment(userId="ann")
    stage.process(signed_in)
    wait_in_quarantine(stage, anonymous)
    assert stage.totals() == ONCE


@case(NoPointers)
def the_user_signed_in_before_the_attempt_that_waited(stage: Months) -> None:
    anonymous, signed_in = stage.post_segment(), stage.post_segment(userId="ann")
    stage.process(anonymous)
    wait_in_quarantine(stage, signed_in)
    assert stage.totals() == ONCE


@case(NoPointers, GuardsForAMonth)
def another_user_had_signed_in_at_the_second_attempt(stage: Months) -> None:
    ann, bob = stage.post_segment(userId="ann"), stage.post_segment(userId="bob")
    stage.process(bob)
    wait_in_quarantine(stage, ann)
    assert stage.totals() == ONCE


@case(NoPointers, GuardsForAMonth)
def the_first_attempt_was_corrected_and_the_second_was_not(stage: Months) -> None:
    """The browser's clock was set between the attempts."""
    corrected, as_it_is = stage.post_segment(sent=stage.now + 5 * HOURS), stage.post_segment()
    stage.process(corrected)
    wait_in_quarantine(stage, as_it_is)
    assert stage.totals() == ONCE


@case(NoPointers)
def the_attempt_that_waited_was_corrected(stage: Months) -> None:
    corrected, as_it_is = stage.post_segment(sent=stage.now + 5 * HOURS), stage.post_segment()
    stage.process(as_it_is)
    wait_in_quarantine(stage, corrected)
    assert stage.totals() == ONCE


@case(NoPointers, GuardsForAMonth)
def each_attempt_was_corrected_by_another_time(stage: Months) -> None:
    one, other = (stage.post_segment(sent=stage.now + off * HOURS, userId="ann") for off in (5, -3))
    stage.process(one)
    wait_in_quarantine(stage, other)
    assert stage.totals() == ONCE


@case(GuardsForAMonth)
def the_client_sent_again_on_day_40_and_the_first_attempt_is_renewed_on_day_78(stage: Months) -> None:
    first = stage.post_own()
    stage.quarantine(first)
    stage.pass_days(40)
    stage.process(stage.post_own())
    stage.pass_days(38)
    assert stage.renew().sent == 1
    stage.process_queue()
    assert stage.totals() == ONCE


@case(GuardsForAMonth)
def the_first_attempt_is_stored_and_that_of_day_40_is_renewed_on_day_78(stage: Months) -> None:
    stage.process(stage.post_posthog(offset=3000))
    stage.pass_days(40)
    wait_in_quarantine(stage, stage.post_posthog(offset=9000), days=38)
    assert stage.totals() == ONCE


@case(GuardsForAMonth)
def a_guard_expires_between_the_renewal_and_the_work(stage: Months) -> None:
    """Not so: it lives as long as the event, and both are there until the renewed message is too old."""
    first = stage.post_own()
    stage.process(first)
    stage.pass_days(3)
    stage.quarantine(stage.post_own())
    stage.pass_days(33)
    assert stage.renew().sent == 1  # what was kept for 37 days is still there
    stage.pass_days(2)
    stage.process_queue()
    assert stage.totals() == ONCE


@case(RenewsAtAnyAge)
def whatever_recognises_the_event_would_expire_before_a_renewed_chunk_is_too_old(stage: Months) -> None:
    stage.process(stage.post_own())
    stage.pass_days(3)
    stage.quarantine(stage.post_own())
    stage.pass_days(376)
    assert stage.renew().refused == 1
    stage.pass_days(29)
    stage.process_queue()
    assert stage.totals() == ONCE
    assert stage.in_quarantine() == 1


@case(GuardsForAMonth)
def the_last_day_on_which_a_chunk_may_be_renewed(stage: Months) -> None:
    stage.process(stage.post_own())
    stage.pass_days(7)
    stage.quarantine(stage.post_own())
    stage.pass_days(363)
    assert stage.renew().sent == 1
    stage.pass_days(29.9)
    stage.process_queue()
    assert stage.totals() == ONCE


@case(OwnsAll)
def an_id_alone_tells_the_event_whose_attempts_have_each_a_time(stage: Months) -> None:
    stage.project = Project("acme", identify_by="id")
    one = stage.post_own(timestamp=stage.now.isoformat())
    stage.pass_days(1)
    stage.process(stage.post_own(timestamp=stage.now.isoformat(), user_id="bob"))
    wait_in_quarantine(stage, one)
    assert stage.totals() == ONCE


# --- a person was erased


@case(RenewsTheErased)
def a_person_was_erased_while_their_event_was_in_quarantine(stage: Months) -> None:
    stage.quarantine(stage.post_own())
    stage.pass_days(20)
    stage.erase("ann")
    stage.pass_days(20)
    assert stage.renew().refused == 1
    stage.process_queue()
    assert stage.totals() == NEVER


@case(RenewsTheErased)
def a_person_was_erased_and_what_the_erasure_left_has_expired(stage: Months) -> None:
    """The attempt that waits came weeks after the first one, and nothing recognises it any more."""
    stage.process(stage.post_own())
    stage.pass_days(60)
    stage.quarantine(stage.post_own())
    stage.pass_days(1)
    stage.erase("ann")
    stage.pass_days(345)
    assert stage.renew().refused == 1
    stage.process_queue()
    assert stage.totals() == NEVER


@case(NoPointers)
def a_person_was_erased_and_the_attempt_that_waits_names_nobody(stage: Months) -> None:
    anonymous, signed_in = stage.post_segment(), stage.post_segment(userId="ann")
    stage.process(signed_in)
    stage.quarantine(anonymous)
    stage.pass_days(20)
    stage.erase("ann")
    stage.pass_days(20)
    stage.renew()
    stage.process_queue()
    assert stage.totals() == NEVER


# --- two chunks, or two copies of one


@case(OwnsAll)
def two_renewed_chunks_share_an_event_of_a_library(stage: Months) -> None:
    ann, bob = stage.post_segment(userId="ann"), stage.post_segment(userId="bob")
    wait_in_quarantine(stage, ann, bob)
    assert (stage.totals(), len(stage.world.events.stored)) == (ONCE, 1)


@case(StaleOwners)
def a_renewed_single_and_a_renewed_chunk_share_an_event_of_a_library(stage: Months) -> None:
    single, chunk = stage.post_segment(), stage.post_segment(userId="ann")
    assert (single.is_single, chunk.is_single) == (True, False)
    stage.fail_halfway(chunk)
    wait_in_quarantine(stage, single)
    assert (stage.totals(), len(stage.world.events.stored)) == (ONCE, 1)


@case(StaleOwners, OwnsAll)
def two_chunks_that_had_claimed_a_shared_event_are_renewed_one_after_the_other(stage: Months) -> None:
    ann, bob = stage.post_segment(userId="ann"), stage.post_segment(userId="bob")
    stage.fail_halfway(ann, bob)
    stage.pass_days(40)
    assert stage.renew().sent == 2
    stage.process_queue(together=False)
    assert (stage.totals(), len(stage.world.events.stored)) == (ONCE, 1)


@case(FirstCopyCounts)
def an_old_copy_comes_before_the_renewed_one_in_a_batch(stage: Months) -> None:
    chunk = stage.post_own()
    stage.quarantine(chunk)
    stage.pass_days(40)
    assert stage.renew().sent == 1
    stage.deliver([make_message(chunk), *stage.world.queue.messages()])
    assert (stage.totals(), stage.in_quarantine()) == (ONCE, 0)


@case(OwnsAll)
def an_old_copy_comes_after_the_renewed_one_in_a_batch(stage: Months) -> None:
    chunk = stage.post_own()
    stage.process(stage.post_own())
    stage.quarantine(chunk)
    stage.pass_days(40)
    assert stage.renew().sent == 1
    stage.deliver([*stage.world.queue.messages(), make_message(chunk)])
    assert (stage.totals(), stage.in_quarantine()) == (ONCE, 0)


# --- a stage has other lifetimes, or changes them


@case(RenewsAtAnyAge)
def a_stage_that_keeps_60_days_replays_its_archive_on_day_100(stage: Months) -> None:
    stage.change_lifetimes(events=60, max_chunk_age=20)
    stage.process(stage.post_own())
    stage.pass_days(100)
    totals = stage.replay()
    assert (totals.fed, totals.expired) == (0, 1)
    assert stage.totals() == ONCE


@case(RenewsAtAnyAge)
def a_stage_that_keeps_60_days_renews_a_chunk_whose_other_attempt_has_expired(stage: Months) -> None:
    stage.change_lifetimes(events=60, max_chunk_age=20)
    first, second = stage.post_own(), stage.post_own()
    stage.process(first)
    stage.quarantine(second)
    stage.pass_days(61)
    assert stage.renew().refused == 1
    stage.process_queue()
    assert stage.totals() == ONCE


@case(TodaysLifetimes)
def the_archive_is_replayed_after_events_were_given_a_longer_life(stage: Months) -> None:
    stage.change_lifetimes(events=60, max_chunk_age=20)
    stage.process(stage.post_own())
    stage.pass_days(50)
    stage.change_lifetimes()
    stage.pass_days(50)
    stage.replay()
    assert stage.totals() == ONCE


@case(TodaysLifetimes)
def a_chunk_is_renewed_after_events_were_given_a_longer_life(stage: Months) -> None:
    stage.change_lifetimes(events=60, max_chunk_age=20)
    first, second = stage.post_own(), stage.post_own()
    stage.process(first)
    stage.quarantine(second)
    stage.pass_days(50)
    stage.change_lifetimes()
    stage.pass_days(50)
    assert stage.renew().refused == 1
    stage.process_queue()
    assert stage.totals() == ONCE


@case(TodaysLifetimes)
def a_chunk_waits_in_the_queue_while_chunks_are_allowed_a_greater_age(stage: Months) -> None:
    """Its other attempt was stored under the shorter lifetime, and has expired."""
    stage.change_lifetimes(events=40, max_chunk_age=20)
    first, second = stage.post_own(), stage.post_own()
    stage.process(first)
    stage.pass_days(1)
    stage.change_lifetimes(events=400, max_chunk_age=60)
    stage.pass_days(41)
    stage.process(second)
    assert (stage.totals(), stage.in_quarantine()) == (ONCE, 1)


@case(RenewsAtAnyAge)
def the_lifetimes_were_shortened_after_a_chunk_was_renewed(stage: Months) -> None:
    """What was written under the longer ones stays as long as it was to stay; new items of the renewed chunk do not."""
    first, second = stage.post_own(), stage.post_own()
    stage.process(first)
    stage.quarantine(second)
    stage.pass_days(40)
    assert stage.renew().sent == 1
    stage.change_lifetimes(events=60, max_chunk_age=20)
    stage.pass_days(10)
    stage.process_queue()
    assert stage.totals() == ONCE
    stage.quarantine(second)
    stage.pass_days(355)
    stage.renew()
    stage.process_queue()
    assert stage.totals() == ONCE


@pytest.mark.parametrize("name", CASES)
def test_months_change_nothing(name: str) -> None:
    check, _ = CASES[name]
    check(Months())


@pytest.mark.parametrize(("name", "broken"), [(name, stage) for name, (_, stages) in CASES.items() for stage in stages])
def test_each_case_fails_where_its_rule_is_broken(name: str, broken: type[Months]) -> None:
    check, _ = CASES[name]
    with pytest.raises(AssertionError):
        check(broken())
