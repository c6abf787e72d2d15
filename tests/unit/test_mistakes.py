"""Mistakes on the command line, and what breaks on this machine: one sentence, and nothing done."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any, BinaryIO

import click
import pytest
from botocore.exceptions import NoCredentialsError, ProfileNotFound
from click.testing import CliRunner, Result

from chalicelib.core.project import Project
from millrace import cli
from millrace.command_error import CommandError
from millrace.commands.sent_text import SENT_TEXT
from millrace.io.export import whole_file
from millrace.ops import registry

NOWHERE = "http://127.0.0.1:1"


def run(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli.main, arguments, input=stdin)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("events", "--url", "127.0.0.1:9"), "is not the address of a stage"),
        (("events", "--url", NOWHERE, "--key", "mr_bogus"), "not a key of Millrace"),
        (("send", "--url", NOWHERE, "--key", "half"), "not a key of Millrace"),
        (("events", "--from", "2015-05-18", "--to", "2015-05-17", "--url", NOWHERE), "is not before --to 2015-05-17"),
        (("counts", "--from", "2015-05-18", "--to", "2015-05-18", "--url", NOWHERE), "is not before"),
        (("export", "--from", "yesterday", "--url", NOWHERE), "A time must be ISO 8601"),
        (("ledger", "--from", "2015-05-18", "--to", "2015-05-17"), "is not before"),
        (("sweep", "--from", "2015-05-18", "--to", "2015-05-17"), "is not before"),
        (("dlq", "list", "--from", "2015-05-18", "--to", "2015-05-17"), "is not before"),
        (("events", "--user", "", "--url", NOWHERE), "must not be empty"),
        (("events", "--user", "\udcff", "--url", NOWHERE), "is not UTF-8"),
        (("events", "--user", "-", "--url", NOWHERE), "needs a JSON string on standard input"),
        (("export", "/nowhere/events.json", "--url", NOWHERE), "/nowhere"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else "",
)
def test_a_mistake_is_told_in_a_sentence(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert said in result.output


@pytest.mark.parametrize("text", ["ann", "DOMAIN\\u0000", '"quoted"', "{}", "7", "日本 語\n"])
def test_an_id_as_an_argument_is_taken_as_it_is(text: str) -> None:
    assert SENT_TEXT.convert(text, None, None) == text


@pytest.mark.parametrize("text", ["nul\0", "\x1b[2J", "-", " ", "ann", "\u202e", "\n"])
def test_every_id_can_be_given_as_json_on_standard_input(text: str) -> None:
    seen: list[str] = []

    @click.command()
    @click.option("--user", type=SENT_TEXT)
    @click.option("--type", "event_type", type=SENT_TEXT)
    def command(user: str, event_type: str) -> None:
        seen.extend((user, event_type))

    CliRunner().invoke(command, ["--user", "-", "--type", "-"], input=f"{json.dumps(text)}\n7\n", standalone_mode=False)
    assert seen == [text, "7"]


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "locked.csv"), "Permission denied: locked.csv"),
        (NoCredentialsError(), "Unable to locate credentials"),
        (ProfileNotFound(profile="nope"), "The config profile (nope) could not be found"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_breaks_on_this_machine_is_told_in_a_sentence(
    failure: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def breaking() -> None:
        raise failure

    monkeypatch.setattr(cli.main, "get_command", lambda *_: breaking)
    result = run("breaking")
    assert (result.exit_code, said in result.output) == (1, True)
    assert isinstance(result.exception, SystemExit)


def test_an_error_of_our_own_is_not_taken_for_one_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def breaking() -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(cli.main, "get_command", lambda *_: breaking)
    assert isinstance(run("breaking").exception, KeyError)


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "events.csv"
    with whole_file(str(target)) as file:
        file.write(b"new")
        assert not target.exists()
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("events.csv", b"new")]


def _write_half(file: BinaryIO, broken_by: BaseException) -> None:
    file.write(b"half of the n")
    raise broken_by


@pytest.mark.parametrize("broken_by", [KeyboardInterrupt(), CommandError("Nothing answers.")])
def test_an_export_that_breaks_off_leaves_what_was_there(tmp_path: Path, broken_by: BaseException) -> None:
    target = tmp_path / "events.csv"
    target.write_bytes(b"old")
    with pytest.raises(type(broken_by)), whole_file(str(target)) as file:
        _write_half(file, broken_by)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("events.csv", b"old")]


def test_a_link_and_the_mode_of_a_file_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    with whole_file(str(link)) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"new", 0o640)


def test_a_device_is_written_to_and_not_replaced() -> None:
    with whole_file("/dev/null") as file:
        file.write(b"new")
    assert Path("/dev/null").is_char_device()


class Projects:
    """A store with one project."""

    def get(self, name: str) -> Project | None:
        return Project(name) if name == "shop" else None


def test_a_project_that_does_not_exist_is_told() -> None:
    projects: Any = Projects()
    registry.check_known(projects, "shop")
    registry.check_known(projects, "default")
    with pytest.raises(CommandError, match="There is no project shpo"):
        registry.check_known(projects, "shpo")
