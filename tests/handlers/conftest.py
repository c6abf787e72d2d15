"""The handlers as deployed, called in process; the AWS behind them is the emulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from handlers.api_client import Api
from millrace.local.emulator import Emulator
from stage import Clients, Stage


@pytest.fixture(scope="module")
def stage_api(emulator: Emulator, clients: Clients) -> Iterator[Api]:
    """An open stage, with resources and an environment of its own for every module of tests."""
    stage = Stage(clients)
    stage.formats.create()
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            environment.delenv(name, raising=False)
        for name, value in {**emulator.environment(), **stage.environment()}.items():
            environment.setenv(name, value)
        yield Api(clients.sqs, stage.settings.queue_url)


@pytest.fixture
def api(stage_api: Api) -> Api:
    """The module's stage, with an empty queue."""
    stage_api.take_messages()
    return stage_api
