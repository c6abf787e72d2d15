"""The story of a stage, from an empty account to an empty account. Each test goes on where the last one ended."""

from __future__ import annotations

import json
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from deployed import Deployment
from millrace.local.emulator import PROJECT
from waiting import eventually

NAME = "millrace-dev"
EVENT = {"event_type": "page_view", "user_id": "ann", "event_id": "1", "timestamp": "2026-03-01T10:00:00Z"}


def test_a_stage_that_was_not_deployed_has_no_policy_and_plain_chalice_refuses_it(deployment: Deployment) -> None:
    deployment.run("chalice", "deploy", "--stage", "dev", code=2)
    assert not deployment.client("lambda").list_functions()["Functions"]


def test_a_stage_that_does_not_exist_is_not_made_by_destroying_it(deployment: Deployment) -> None:
    for data in ((), ("--delete-data",)):
        deployment.run("millrace", "destroy", "--stage", "typo", "--yes", *data, code=1)
    stacks = deployment.client("cloudformation").list_stacks()["StackSummaries"]
    assert [each["StackName"] for each in stacks if each["StackStatus"] != "DELETE_COMPLETE"] == []
    assert left(deployment) == []


def test_an_empty_account_becomes_a_closed_stage_that_works(deployment: Deployment) -> None:
    deployment.url = deployment.run("millrace", "deploy", "--stage", "dev").strip()
    assert deployment.post(EVENT).status_code == 401


def test_the_same_code_makes_the_same_package_elsewhere(deployment: Deployment, packaged: Path) -> None:
    """Except for compiled libraries: the emulator needs those of this machine."""
    [deployed] = (deployment.folder / ".chalice" / "deployments").glob("*.zip")
    here, elsewhere = content(deployed), content(packaged / "deployment.zip")
    compiled = {name.split("/")[0] for name in {**here, **elsewhere} if ".so" in name}
    for each in (here, elsewhere):
        for name in [name for name in each if name.split("/")[0] in compiled or ".dist-info" in name]:
            del each[name]
    assert here == elsewhere
    assert {"app.py", "chalicelib/wiring.py", "marshmallow/validate.py"} <= set(here)


def content(package: Path) -> dict[str, tuple[int, ...]]:
    with zipfile.ZipFile(package) as opened:
        return {each.filename: (each.CRC, *each.date_time) for each in opened.infolist()}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer mw_secret"}, {"Authorization": "Basic bXdfczo="}])
@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/events"), ("POST", "/v1")])
def test_what_api_gateway_does_not_find_is_a_problem_too(
    deployment: Deployment, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = requests.request(method, deployment.url + path, headers=headers, timeout=120)
    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (404, 404, "not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "mw_s" not in answer.text


def test_a_stage_is_opened_by_its_configuration_and_plain_chalice(deployment: Deployment) -> None:
    path = deployment.folder / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["environment_variables"]["OPEN_STAGE"] = "true"
    path.write_text(json.dumps(config))
    deployment.run("chalice", "deploy", "--stage", "dev")
    assert deployment.get("/health")["open"]


def test_what_is_recorded_of_a_stage_holds_no_secret(deployment: Deployment) -> None:
    recorded = json.loads((deployment.folder / ".chalice" / "config.json").read_text())["stages"]["dev"]
    assert set(recorded["environment_variables"]) == {
        "OPEN_STAGE",
        "STACK_NAME",
        "QUEUE_URL",
        "DEAD_LETTER_URL",
        "MAX_DELIVERIES",
        "TABLE_NAME",
        "BUCKET_NAME",
        "TOPIC_ARN",
    }


def test_a_posted_event_is_processed_and_found(deployment: Deployment) -> None:
    reply = deployment.post(EVENT, {**EVENT, "event_id": "2"}, EVENT).json()
    assert reply["accepted"] == 3
    receipt = f"/chunks/{reply['chunks'][0]}"
    eventually(lambda: deployment.get(receipt)["status"] == "committed", "the chunk to be committed")
    assert len(deployment.get("/events", user_id="ann")["events"]) == 2
    assert deployment.get("/counts", grain="day", **{"from": "2026-03-01", "to": "2026-03-02"})["counts"] == [
        {"start": "2026-03-01T00:00:00Z", "event_type": "page_view", "count": 2}
    ]


def test_the_functions_run_on_what_their_package_holds() -> None:
    """The emulator's environment stands for Lambda's runtime: it must not lend what the package lacks."""
    python = PROJECT / ".venv-emulator" / "bin" / "python"
    shipped = ("marshmallow", "chalice", "aws_lambda_powertools", "re2")
    look = f"import importlib.util as i; print([n for n in {shipped} if i.find_spec(n)])"
    assert subprocess.run([python, "-c", look], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_poison_is_set_aside_in_the_quarantine_and_holds_nobody_up(deployment: Deployment) -> None:
    sent = deployment.client("sqs").send_message(QueueUrl=deployment.queue(f"{NAME}-chunks"), MessageBody="poison")
    reply = deployment.post({**EVENT, "event_id": "3"}).json()
    receipt = f"/chunks/{reply['chunks'][0]}"
    eventually(lambda: deployment.get(receipt)["status"] == "committed", "the good chunk to be committed")
    eventually(
        lambda: sent["MessageId"] in deployment.run("millrace", "quarantine", "list", "--stage", "dev", "--json"),
        "the poison to be in quarantine",
    )


def test_the_schedule_makes_the_reports_and_subscribers_get_them(deployment: Deployment) -> None:
    sqs, sns, events = (deployment.client(service) for service in ("sqs", "sns", "events"))
    topic = next(each["TopicArn"] for each in sns.list_topics()["Topics"] if each["TopicArn"].endswith("-reports"))
    queue = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sender = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**sender, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    rule = events.describe_rule(Name=f"{NAME}-aggregate-event")
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(5 minutes)", "ENABLED")
    # Of a rule that is new the first run comes after its first period: let it be a short one.
    events.put_rule(Name=rule["Name"], ScheduleExpression="rate(1 minute)", State="ENABLED")

    now = datetime.now(UTC)  # reports of the distant past are not published
    assert deployment.post({**EVENT, "event_id": "now", "timestamp": now.isoformat()}).json()["accepted"] == 1

    def is_reported() -> bool:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        starts.update(json.loads(json.loads(message["Body"])["Message"])["start"][:10] for message in messages)
        return f"{now:%Y-%m-%d}" in starts

    starts: set[str] = set()
    eventually(is_reported, "a report of today to be published")
    sqs.delete_queue(QueueUrl=queue)
    eventually(lambda: deployment.get("/reports", grain="day")["reports"], "the report of the day to be found")


@pytest.mark.parametrize("suffix", ["", "-process", "-aggregate"])
def test_logs_are_readable_and_end_some_day(deployment: Deployment, suffix: str) -> None:
    logs, group = deployment.client("logs"), f"/aws/lambda/{NAME}{suffix}"
    [found] = [
        each
        for each in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        if each["logGroupName"] == group
    ]
    assert found["retentionInDays"] == 30
    assert logs.filter_log_events(logGroupName=group)["events"]


def test_the_doctor_finds_what_is_wrong_and_nothing_else(deployment: Deployment) -> None:
    chunks = deployment.queue(f"{NAME}-chunks")
    deployment.client("sqs").set_queue_attributes(QueueUrl=chunks, Attributes={"VisibilityTimeout": "5"})
    assert wrong_in(deployment) == {
        "The stage requires keys": "api_handler is declared open: everybody may write and read.",
        "A message stays hidden for six times the processor's timeout, plus the time in which a batch is gathered": (
            "A message stays hidden for 5 s. A run may take 60 s, so work may be done twice."
        ),
        # By plain Chalice it was deployed last.
        "API Gateway's own errors have the form of the API's errors": (
            "The errors have API Gateway's own form: 403 for an unknown path, and no code."
        ),
        "Alarms exist and somebody receives them": (
            "Nobody has subscribed to the alarms, or nobody has confirmed the subscription."
        ),
        # The emulator's CloudFormation leaves two settings of the template out.
        "The table expires old items, can be restored, and is protected against deletion": (
            "The table cannot be restored to a point in time."
        ),
    }
    table = {"TableName": f"{NAME}-table", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    deployment.client("dynamodb").update_continuous_backups(**table)
    expiry = {"AttributeName": "x", "Enabled": True}
    deployment.client("dynamodb").update_time_to_live(TableName=f"{NAME}-table", TimeToLiveSpecification=expiry)
    add_a_right_and_stop_the_trigger(deployment)
    wrong = wrong_in(deployment)
    restore_the_right_and_the_trigger(deployment)
    assert "The table expires old items, can be restored, and is protected against deletion" not in wrong
    assert "The functions' roles allow what the code needs, and nothing else" in wrong
    assert wrong["One trigger takes chunks from the queue"] == "The trigger is Disabled."


def add_a_right_and_stop_the_trigger(deployment: Deployment) -> None:
    more = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    role = {"RoleName": f"{NAME}-process", "PolicyName": "more"}
    deployment.client("iam").put_role_policy(**role, PolicyDocument=json.dumps(more))
    deployment.client("lambda").update_event_source_mapping(UUID=trigger(deployment), Enabled=False)


def restore_the_right_and_the_trigger(deployment: Deployment) -> None:
    deployment.client("iam").delete_role_policy(RoleName=f"{NAME}-process", PolicyName="more")
    deployment.client("lambda").update_event_source_mapping(UUID=trigger(deployment), Enabled=True)


def trigger(deployment: Deployment) -> str:
    [mapping] = deployment.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return str(mapping["UUID"])


def wrong_in(deployment: Deployment) -> dict[str, str]:
    printed = deployment.run("millrace", "doctor", "--stage", "dev", "--json", code=3)
    findings = [json.loads(line) for line in printed.splitlines()]
    return {finding["check"]: finding["wrong"] for finding in findings if finding["wrong"]}


def test_without_its_right_to_send_the_api_says_503(deployment: Deployment) -> None:
    role, policy = f"{NAME}-api_handler", (deployment.folder / ".chalice" / "policy-dev-api_handler.json").read_text()
    iam = deployment.client("iam")
    [name] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy.replace("sqs:SendMessage", "sqs:None"))
    assert deployment.post({**EVENT, "event_id": "4"}).json()["code"] == "queue_unavailable"
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy)
    assert deployment.post({**EVENT, "event_id": "4"}).status_code == 200


def test_a_lost_stack_and_a_lost_note_of_chalice_are_made_again_by_one_deployment(deployment: Deployment) -> None:
    """Somebody deletes the stack, and another machine deploys. The API, the events and what waits are still there."""
    (deployment.folder / ".chalice" / "deployed" / "dev.json").unlink()
    cloudformation = deployment.client("cloudformation")
    cloudformation.delete_stack(StackName=NAME)
    eventually(lambda: stack_status(deployment) == "DELETE_COMPLETE", "the stack to be gone")

    assert deployment.run("millrace", "deploy", "--stage", "dev").strip() == deployment.url
    described = cloudformation.list_stack_resources(StackName=NAME)["StackResourceSummaries"]
    assert {"Table", "Chunks", "DeadLetters", "Archive"} <= {each["LogicalResourceId"] for each in described}
    assert deployment.get("/nowhere")["code"] == "not_found"
    assert len(deployment.client("apigateway").get_rest_apis()["items"]) == 1
    assert trigger(deployment)  # there is one
    assert len(deployment.get("/events", user_id="ann")["events"]) >= 3

    receipt = f"/chunks/{deployment.post({**EVENT, 'event_id': 'after the loss'}).json()['chunks'][0]}"
    eventually(lambda: deployment.get(receipt)["status"] == "committed", "an event to be processed again")
    assert "not_a_chunk" in deployment.run("millrace", "quarantine", "list", "--stage", "dev", "--json")


def stack_status(deployment: Deployment) -> str:
    stacks = deployment.client("cloudformation").list_stacks()["StackSummaries"]
    return str(next(each["StackStatus"] for each in stacks if each["StackName"] == NAME))


def test_a_stage_that_is_taken_down_keeps_its_events_and_comes_back(
    deployment: Deployment, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--thorough"):
        pytest.skip("takes half a minute more: `make chaos` runs it")
    deployment.run("millrace", "destroy", "--stage", "dev", "--yes")
    assert not deployment.client("lambda").list_functions()["Functions"]
    assert "millrace-dev-table" in deployment.client("dynamodb").list_tables()["TableNames"]
    deployment.url = deployment.run("millrace", "deploy", "--stage", "dev").strip()
    assert len(deployment.get("/events", user_id="ann")["events"]) >= 3


def test_a_stage_that_is_destroyed_leaves_nothing(deployment: Deployment) -> None:
    deployment.run("millrace", "destroy", "--stage", "dev", "--yes", "--delete-data")
    eventually(lambda: left(deployment) == [], "nothing to be left")
    assert "dev" not in json.loads((deployment.folder / ".chalice" / "config.json").read_text())["stages"]


def left(deployment: Deployment) -> list[Any]:
    ask = deployment.client
    found = [
        *ask("lambda").list_functions()["Functions"],
        *ask("lambda").list_event_source_mappings()["EventSourceMappings"],
        *ask("apigateway").get_rest_apis()["items"],
        *ask("iam").list_roles()["Roles"],
        *ask("events").list_rules()["Rules"],
        *ask("sqs").list_queues().get("QueueUrls", []),
        *ask("dynamodb").list_tables()["TableNames"],
        *ask("s3").list_buckets()["Buckets"],
        *ask("sns").list_topics()["Topics"],
        *ask("cloudwatch").describe_alarms()["MetricAlarms"],
        *ask("cloudwatch").list_dashboards()["DashboardEntries"],
        *ask("logs").describe_log_groups()["logGroups"],
    ]
    return [each for each in found if NAME in json.dumps(each, default=str)]
