"""What is behind a port: a fake, the emulator, or moto's server, which is a second opinion on AWS."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from builders import World
from contract.commits import Stores
from emulator_gaps import LACKING_IN_MOTO
from millrace.local.emulator import Emulator
from stage import Clients, Stage

MOTO_INSERTS = 1
# Modules whose tests lead the functions' own environment to the emulator.
ON_THE_EMULATOR_ALONE = {"test_stack", "test_stage_lifetimes", "test_upgrade"}
# A call to moto takes three times what one to the emulator takes. An ordinary run asks it about the ports that decide
# who owns an event and what is counted, and not by the hundreds; --thorough asks it everything.
ALWAYS_ON_MOTO = {"test_event_store", "test_commit_log", "test_single_commits", "test_quarantine", "test_erasing"}
SLOW_ON_MOTO = {
    "test_a_commit_takes_all_that_one_transaction_may_hold",
    "test_a_commit_takes_as_many_singles_as_one_transaction_may_hold",
    "test_a_mark_that_was_put_anew_stays",
    "test_quarantined_chunks_that_are_committed_are_found_portion_by_portion",
    "test_as_many_as_one_transaction_takes_are_erased_at_once",
    "test_events_beyond_one_page_of_an_answer_are_all_found",
    "test_hostile_users_and_ids_are_kept_apart_and_found",
    "test_many_events_are_answered_in_the_order_asked_without_those_that_are_absent",
    "test_more_than_25_claims_in_a_call_are_answered_in_their_order",
    "test_records_are_found_newest_first_by_the_minute_of_their_newest_event",
    "test_records_are_found_by_their_hour_and_by_their_day",
}


@pytest.fixture(scope="session")
def moto() -> Iterator[Clients]:
    """Clients of moto's server, started for the session on a port of its own."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Clients(
        {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        signed=True,
    )
    server.stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture, others in (("backend", ["fake", "emulator"]), ("stage", ["emulator"])):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, [*others, *_moto_for(metafunc)], indirect=True)


def _moto_for(metafunc: pytest.Metafunc) -> list[Any]:
    module, test = metafunc.module.__name__, metafunc.function.__name__
    if module in ON_THE_EMULATOR_ALONE:
        return []
    if test in LACKING_IN_MOTO:
        return [pytest.param("moto", marks=pytest.mark.xfail(reason=LACKING_IN_MOTO[test], strict=True))]
    is_quick = module in ALWAYS_ON_MOTO and test not in SLOW_ON_MOTO
    return ["moto"] if is_quick or metafunc.config.getoption("thorough") else []


@pytest.fixture
def aws(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment leads to the emulator."""
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    boto3.setup_default_session()
    yield
    boto3.setup_default_session()


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Stage | None:
    """An empty stage on something that answers like AWS. None: the port is to be a fake."""
    return None if request.param == "fake" else _stage(request)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage:
    """An empty stage, for what no fake can show."""
    return _stage(request)


def _stage(request: pytest.FixtureRequest) -> Stage:
    if request.param == "emulator":
        return Stage(request.getfixturevalue("clients"))
    return Stage(request.getfixturevalue("moto"), max_inserts=MOTO_INSERTS)


@pytest.fixture
def stores(backend: Stage | None) -> Stores:
    return backend or World()
