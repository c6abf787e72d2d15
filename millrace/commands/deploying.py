"""The commands that deploy a stage, check it, and take it down."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from millrace import output
from millrace.command_error import CommandError
from millrace.commands.options import json_option

stage_argument = click.option(
    "--stage", envvar="MILLRACE_STAGE", required=True, help="The stage's name, e.g. dev or prod."
)


@click.command()
@stage_argument
@click.option("--alarm-email", default="", help="Address for alarms from now on. AWS asks the recipient to confirm.")
@click.option(
    "--smoke-test/--no-smoke-test", default=True, show_default=True, help="Send one event after the deployment."
)
def deploy(stage: str, alarm_email: str, *, smoke_test: bool) -> None:
    """Create or update a stage in the environment's AWS account, and test it. Safe to repeat.

    \b
    Examples:
      millrace deploy --stage dev
      AWS_PROFILE=prod AWS_REGION=eu-central-1 millrace deploy --stage prod --alarm-email oncall@example.com
    """
    from chalicelib.core import retries
    from chalicelib.settings import Settings
    from chalicelib.wiring import Pipeline
    from millrace.deploy import deployment, smoke, stages

    project = Path.cwd()
    stages.checked_name(stage)
    output.say(f"Stage {stage}, {deployment.place()}")
    if alarm_email:
        stages.set_parameter(project, stage, "AlarmEmail", alarm_email)
    url = deployment.deploy(project, stage, output.say)
    if smoke_test:
        settings = Settings.from_environ(stages.recorded(project)[stage])
        output.say(smoke.try_out(url, Pipeline(settings, retries.TOOLBOX_CALL)))
    click.echo(url)


@click.command()
@stage_argument
@click.option("--delete-data", is_flag=True, help="Also delete queues, table and archive, with all events.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def destroy(stage: str, *, delete_data: bool, yes: bool) -> None:
    """Delete a stage's functions and API. Its stack, with queues, table and archive, is kept unless --delete-data.

    \b
    Example:
      millrace destroy --stage dev --delete-data
    """
    from millrace.deploy import deployment, stages

    stages.checked_name(stage)
    what = "and ALL ITS EVENTS" if delete_data else "and keep its events"
    if not yes and not click.confirm(f"Delete the stage {stage} in {deployment.place()}, {what}?", err=True):
        raise CommandError("Nothing was deleted.")
    deployment.destroy(Path.cwd(), stage, delete_data=delete_data, say=output.say)


@click.command()
@click.option("--stage", envvar="MILLRACE_STAGE", help="Only this stage.")
@click.option(
    "--check", is_flag=True, help="Write nothing. Exit status 3 if a policy differs from the needs of the code."
)
def policies(stage: str | None, *, check: bool) -> None:
    """Write the IAM policies that the code needs now, for the stages that were deployed from this folder.

    The files are .chalice/policy-STAGE-FUNCTION.json. `chalice deploy` uses them.

    \b
    Example:
      millrace policies --check
    """
    from millrace.deploy import policies as rights
    from millrace.deploy import stages

    project = Path.cwd()
    known = stages.recorded(project)
    if stage and stage not in known:
        raise CommandError(f"The stage {stage} was not deployed from here. Deploy it: millrace deploy --stage {stage}")
    stale = False
    for name, environment in known.items():
        if stage in (None, name):
            for function in rights.stale(project, environment, name):
                stale = True
                click.echo(f"{name} {function}: {'stale' if check else 'written'}")
            if not check:
                rights.write(project, environment, name)
    if check and stale:
        output.say("Write them with `millrace policies`, review the difference, and deploy.")
        raise SystemExit(3)


@click.command()
@stage_argument
@json_option
def doctor(stage: str, *, as_json: bool) -> None:
    """Check a deployed stage for silent failures. Exit status 3 if something is wrong.

    \b
    Example:
      millrace doctor --stage prod
    """
    from millrace.deploy import deployment, stages
    from millrace.deploy import doctor as checks

    found = list(checks.examine(deployment.read(Path.cwd(), stages.checked_name(stage))))
    if as_json:
        output.print_json(asdict(finding) for finding in found)
    else:
        for finding in found:
            click.echo(f"{'wrong' if finding.wrong else 'ok':6}{finding.check}")
            if finding.wrong:
                click.echo(f"      {finding.wrong}\n      {finding.advice}")
    if any(finding.wrong for finding in found):
        raise SystemExit(3)


@click.command()
@stage_argument
@click.option(
    "--access-log/--no-access-log",
    default=None,
    help="API Gateway's access log. It needs a role in the account's settings. Default: on if the role exists.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["sam", "terraform"]),
    default="sam",
    show_default=True,
    help="Format of the files.",
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def package(stage: str, folder: Path, *, access_log: bool | None, form: str) -> None:
    """Write a stage as a template and a zip into FOLDER, for another tool to deploy.

    SAM's files contain only the functions, so the stage's stack must exist: run millrace deploy once, or let your build
    pipeline deploy stack.yaml. Terraform's files contain the whole stage, and can be written without an account.

    \b
    Examples:
      millrace package --stage prod out/
      millrace package --stage prod --format terraform out/
    """
    from millrace.deploy import finishing, packaging, stages, terraform

    stages.checked_name(stage)
    if access_log is None:
        access_log = finishing.may_log_access()
        output.say(f"{'With' if access_log else 'Without'} an access log, as the account's settings are.")
    write = terraform.package if form == "terraform" else packaging.package
    write(Path.cwd(), stage, folder.resolve(), with_access_log=access_log)
    output.say(f"Written to {folder}. Next: docs/other-tools.md.")
