"""What every kind of test may ask for."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from chalicelib.adapters import aws
from millrace.local.emulator import Emulator
from stage import Clients, Stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A busy machine makes examples slow and proves nothing. The same examples every time: what fails, fails again.
settings.register_profile(
    "default", max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", settings.get_profile("default"), max_examples=1000, derandomize=False, print_blob=True
)


@pytest.fixture(autouse=True, scope="module")
def _own_credentials() -> None:
    """Let no module's clients take the credentials that another module's had: a session remembers them."""
    aws._session.cache_clear()  # noqa: SLF001


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault", help="Run one fault scenario, as process/12:lost.")
    parser.addoption(
        "--thorough", action="store_true", help="Every fault scenario, every contract on moto, and many more examples."
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell ignores Ctrl-C in what it runs in the background, and so would all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.load_profile("thorough" if config.getoption("--thorough") else "default")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where tests run side by side, those that share a stack, a deployment or a module's set-up share one process.

    A scheduler of our own: xdist 3.8 marks groups in a place where pytest 9.2 no longer looks.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):  # type: ignore[misc]  # the library has no types
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            folder = file.rpartition("/")[0].rpartition("/")[2]
            alone = {"faults": nodeid}  # each takes long; a group for each of all tests would cost more than most take
            groups = alone | dict.fromkeys(("system", "clients", "browser", "deployment"), folder)
            return groups.get(folder, file)

    return Grouped(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of the tests that have some, whichever process they ran in."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    for line in [value for report in reports for name, value in report.user_properties if name == "figures"]:
        terminalreporter.write_line(str(line))


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line that the run's summary is to show."""
    return lambda line: record_property("figures", line)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The AWS emulator, started for the session on a port of its own."""
    running = Emulator(tmp_path_factory.mktemp("aws"))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests of a process, as Playwright runs once in each: every test opens a context of its own."""
    from chromium import chromium

    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def clients(emulator: Emulator) -> Clients:
    return Clients(emulator.environment())


@pytest.fixture
def stage(clients: Clients) -> Stage:
    """An empty stage."""
    return Stage(clients)
