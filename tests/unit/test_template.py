"""The template against what it must agree with: lifetimes, settings, metrics, the runbook and the functions."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import pytest
import yaml
from chalice.app import Rate, ScheduledEventConfig

import app
from chalicelib.core.chunk import STORED_FIELDS
from chalicelib.core.lifetimes import Lifetimes
from chalicelib.core.metrics import CATALOGUE, NAMESPACE
from chalicelib.settings import (
    LEAST_DELIVERIES,
    MOST_DELIVERIES,
    SCHEDULE_MINUTES,
    Settings,
    Throttle,
    Trigger,
    variables,
)
from millrace.pricing import bill

ROOT = Path(__file__).parents[2]
#: Metrics of AWS that alarms and dashboard use, by namespace:
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
OF_AWS = {
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    "AWS/Lambda": {"Errors", "Throttles", "Invocations", "Duration"},
    "AWS/ApiGateway": {"Count", "4XXError", "5XXError", "Latency"},
    "AWS/DynamoDB": {"ConsumedWriteCapacityUnits", "WriteThrottleEvents", "ReadThrottleEvents"},
}
METRICS = OF_AWS | {NAMESPACE: set(CATALOGUE)}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # the library has no types
    """YAML with CloudFormation's functions, of which each becomes {name: argument}."""


def _function(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _function)
TEMPLATE: dict[str, Any] = yaml.load((ROOT / "stack.yaml").read_text(), _Loader)  # noqa: S506 - a safe loader's child
ALARMS = {
    name: resource["Properties"]
    for name, resource in TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}


def properties(resource: str) -> dict[str, Any]:
    found: dict[str, Any] = TEMPLATE["Resources"][resource]["Properties"]
    return found


def dashboard() -> list[dict[str, Any]]:
    text, _ = properties("Dashboard")["DashboardBody"]["Sub"]
    widgets: list[dict[str, Any]] = json.loads(text)["widgets"]
    return widgets


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_watches_a_metric_that_exists(alarm: str) -> None:
    assert ALARMS[alarm]["MetricName"] in METRICS[ALARMS[alarm]["Namespace"]]


def test_the_dashboard_shows_metrics_that_exist_and_every_alarm() -> None:
    shown = [metric for widget in dashboard() for metric in widget["properties"].get("metrics", ())]
    assert len(shown) > 20
    assert [metric[:2] for metric in shown if metric[1] not in METRICS[metric[0]]] == []
    listed = [arn.rpartition("-")[2] for widget in dashboard() for arn in widget["properties"].get("alarms", ())]
    assert listed == [name.removesuffix("Alarm") for name in ALARMS]


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_names_its_section_of_the_runbook(alarm: str) -> None:
    section = re.search(r"docs/operating\.md#(\w+)$", ALARMS[alarm]["AlarmDescription"])
    assert section
    assert section[1] in re.findall(r"^### (\w+)$", (ROOT / "docs" / "operating.md").read_text().lower(), re.MULTILINE)
    name = ALARMS[alarm]["AlarmName"]["Sub"].removeprefix("${AWS::StackName}-")
    assert name == alarm.removesuffix("Alarm")
    assert name.lower().endswith(section[1])


def test_the_runbook_has_no_section_without_an_alarm() -> None:
    runbook = (ROOT / "docs" / "operating.md").read_text().partition("## Alarms")[2].partition("\n## ")[0].lower()
    described = {alarm["AlarmDescription"].partition("#")[2] for alarm in ALARMS.values()}
    assert set(re.findall(r"^### (\w+)$", runbook, re.MULTILINE)) == described


def test_each_section_of_the_runbook_leads_from_the_meaning_to_the_end() -> None:
    runbook = (ROOT / "docs" / "operating.md").read_text().partition("## Alarms")[2].partition("\n## ")[0]
    parts = {
        section.split("\n")[0]: re.findall(r"^\*\*(\w+)", section, re.MULTILINE)
        for section in runbook.split("### ")[1:]
    }
    assert {name: found for name, found in parts.items() if found[:4] != ["Meaning", "Check", "Fix", "Solved"]} == {}


def test_the_runbook_prices_every_alarm() -> None:
    runbook = (ROOT / "docs" / "operating.md").read_text()
    assert f"| {len(ALARMS)} alarms at $0.10 | ${len(ALARMS) / 10:.2f} |" in runbook


def test_queues_and_bucket_keep_things_for_their_lifetimes() -> None:
    kept = Lifetimes()
    assert properties("Chunks")["MessageRetentionPeriod"] == kept.queue.total_seconds()
    assert properties("DeadLetters")["MessageRetentionPeriod"] == kept.dead_letters.total_seconds()
    # From when a message became a dead letter, which may be when the queue would have deleted it.
    assert ALARMS["OldDeadLettersAlarm"]["Threshold"] == (kept.dead_letters - kept.queue).total_seconds() / 2
    rules = {rule.get("Prefix"): rule for rule in properties("Archive")["LifecycleConfiguration"]["Rules"]}
    assert rules["summaries/"]["ExpirationInDays"] == kept.hour_summary_objects.days
    assert [prefix for prefix, rule in rules.items() if "ExpirationInDays" in rule] == ["summaries/"]
    assert properties("Table")["TimeToLiveSpecification"] == {"AttributeName": "x", "Enabled": True}


def test_every_stored_field_is_a_column_of_the_archive_s_table() -> None:
    columns = properties("ArchiveEvents")["TableInput"]["StorageDescriptor"]["Columns"]
    assert columns == [{"Name": row.name, "Type": "string"} for row in STORED_FIELDS]


def test_outputs_are_settings_and_give_all_that_have_no_default() -> None:
    outputs = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper() for name in TEMPLATE["Outputs"]}
    ours = variables(Settings)
    assert outputs <= {each.name for each, _ in ours}
    assert {each.name for each, default in ours if default is MISSING} <= outputs


def test_the_number_of_deliveries_is_that_of_the_settings() -> None:
    parameter, (default,) = (
        TEMPLATE["Parameters"]["MaxDeliveries"],
        [default for each, default in variables(Settings) if each.name == "MAX_DELIVERIES"],
    )
    assert (parameter["Default"], parameter["MinValue"], parameter["MaxValue"]) == (
        default, LEAST_DELIVERIES, MOST_DELIVERIES,
    )  # fmt: skip
    assert properties("Chunks")["RedrivePolicy"]["maxReceiveCount"] == {"Ref": "MaxDeliveries"}


def test_a_message_stays_hidden_for_six_times_the_functions_timeout_and_the_batching_window() -> None:
    timeout = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_timeout"]
    assert (
        TEMPLATE["Parameters"]["VisibilitySeconds"]["Default"] == 6 * timeout + Trigger.from_environ({}).window_seconds
    )


def test_the_aggregator_runs_every_five_minutes_and_is_missed_after_three_runs() -> None:
    [schedule] = [each for each in app.app.event_sources if isinstance(each, ScheduledEventConfig)]
    assert isinstance(schedule.schedule_expression, Rate)
    minutes = int(schedule.schedule_expression.value)
    assert properties("AggregateSilentAlarm")["Period"] == 3 * minutes * 60
    assert bill.SCHEDULE_RUNS_AN_HOUR == 60 / minutes == 12


def test_a_run_of_the_aggregator_ends_before_the_next_begins_and_has_more_memory_than_an_answer() -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    own = config["lambda_functions"]["aggregate"]
    assert own["lambda_timeout"] + 30 < SCHEDULE_MINUTES * 60
    assert own["lambda_memory_size"] > config["lambda_memory_size"]


SETTINGS_PAGE = (ROOT / "docs" / "configuration.md").read_text()


def _text(value: Any) -> str:
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return f"`{','.join(value)}`"
        case None | "":
            return ""
    return "of the stack" if value is MISSING else f"`{value}`"


def test_the_reference_of_settings_is_that_of_the_code() -> None:
    declared = {
        each.name: (each, default) for kind in (Trigger, Throttle, Settings) for each, default in variables(kind)
    }
    rows = [f"| `{name}` | {_text(default)} | {each.meaning} |" for name, (each, default) in sorted(declared.items())]
    assert re.findall(r"^\| `[A-Z_]+` \|.*$", SETTINGS_PAGE, re.MULTILINE) == rows


def test_the_reference_of_stack_parameters_is_that_of_the_template() -> None:
    rows = [
        f"| `{name}` | {_text(parameter['Default'])} | {parameter['Description']} |"
        for name, parameter in sorted(TEMPLATE["Parameters"].items())
    ]
    assert re.findall(r"^\| `[A-Z][a-z]\w*` \|.*$", SETTINGS_PAGE, re.MULTILINE) == rows
