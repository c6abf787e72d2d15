"""What the aggregator's cost grows with, and what it does not: on the double of the table that `make bench` uses."""

from __future__ import annotations

from bench.reporting import CASES, hour

#: Calls that an active project takes in a run, with its hour and its day.
CALLS_A_PROJECT = 25


def test_the_marks_of_one_project_cost_no_memory_and_two_pages_of_each_shard() -> None:
    act, *_ = CASES["marks of one project"]
    few, many = act(1_000), act(12_000)
    assert many["megabytes"] < 2 * few["megabytes"] < 2
    assert many["calls"] <= 8 * 2 + 2


def test_each_active_project_costs_the_same() -> None:
    act, *_ = CASES["active projects"]
    one, more = act(1), act(11)
    assert (more["calls"] - one["calls"]) / 10 <= CALLS_A_PROJECT
    assert (more["write"] - one["write"]) / 10 <= 15


def test_an_hour_is_held_as_its_users_and_values_and_not_as_its_events() -> None:
    few, many = (hour(events, users=500) for events in (2_000, 20_000))
    assert many["megabytes"] < 3 * few["megabytes"]
    assert many["calls"] == few["calls"]


def test_the_ledger_takes_eight_queries_whatever_the_number_of_projects() -> None:
    act, *_ = CASES["projects in the ledger"]
    assert act(1)["calls"] == act(10_000)["calls"] == 8
