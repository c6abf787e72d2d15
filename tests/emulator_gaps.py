"""What the emulators of AWS cannot do: docs/emulators.md is made of this.

The emulator is ministack, which runs the local stack and the tests of deployments. moto's server is a second opinion on
the ports. A gap that has been closed fails its probe: then the entry goes, and tests that avoid the gap are simplified.
"""

from __future__ import annotations

from typing import NamedTuple


class Gap(NamedTuple):
    """`lacks`: what it does not do, or does otherwise than AWS. `so`: what follows for us.

    `probe`: the test that shows the gap; none where only AWS itself could.
    """

    service: str
    lacks: str
    so: str
    probe: str = ""


MINISTACK = (
    Gap(
        "API Gateway",
        "It does not throttle, time out, or limit bodies.",
        "Its own errors, except for an unknown path, are compared with AWS's documentation alone.",
        "test_the_emulator_does_not_throttle",
    ),
    Gap(
        "API Gateway",
        "A patch of binary media types turns the list into an object.",
        "The Terraform files name them in the definition alone.",
        "test_the_emulator_breaks_binary_media_types_that_are_patched",
    ),
    Gap(
        "CloudFormation",
        "It leaves point-in-time recovery and expiry of the table, encryption, and lifecycle of the bucket out.",
        "`millrace doctor` asks the services themselves; the template is checked by cfn-lint and by tests of its text.",
        "test_the_emulator_leaves_settings_of_the_template_out",
    ),
    Gap(
        "SQS",
        "It has no StartMessageMoveTask.",
        "What the alarm DeadLetters advises was tried on another emulator; `millrace dlq replay` needs no such call.",
        "test_the_emulator_moves_no_dead_letters_by_itself",
    ),
    Gap(
        "SQS",
        "A batch is delivered once; the window in which Lambda gathers one is ignored.",
        "Fault tests deliver copies themselves. The size of batches is computed ([cost](cost.md)).",
    ),
    Gap(
        "CloudWatch",
        "It has no metrics of SQS, Lambda and API Gateway, and does not turn log lines into metrics.",
        "The local stack sends the metrics that stand in log lines. That alarms ring is not shown.",
        "test_the_emulator_has_no_metrics_of_services",
    ),
    Gap(
        "IAM",
        "Batches of SQS and PartiQL statements need no right of their own, and conditions do not see a request's keys.",
        "We add that as AWS documents it (`millrace/local/emulator_additions.py`).",
    ),
    Gap(
        "DynamoDB",
        "It neither throttles nor splits partitions; reads see every write at once.",
        "Faults are injected. Capacity is computed ([scaling](scaling.md)).",
    ),
    Gap(
        "Lambda",
        "Functions run on this machine: no arm64, no memory limit, no cold start, no scaling.",
        "Budgets of imports and of CPU stand for cold starts; the package's binaries are checked to be for arm64.",
    ),
    Gap("all", "It speaks HTTP.", "Policies that refuse it are left out of stages on the emulator."),
    Gap("SNS", "It sends no mail.", "That somebody confirms an address is shown by the doctor's own test alone."),
)

MOTO = (
    Gap(
        "DynamoDB",
        "A call with several INSERTs fails.",
        "The event store's batches run on the emulator alone; on moto they have one INSERT.",
        "test_moto_takes_one_insert_a_call",
    ),
    Gap(
        "CloudWatch",
        "It answers HTTP 500 to a question for percentiles.",
        "The test of percentiles is expected to fail there.",
        "test_the_last_hour_can_be_read_by_minute_with_percentiles",
    ),
    Gap(
        "CloudFormation",
        "It leaves alarms, queue policies and subscriptions of a template out.",
        "Tests of the stack run on the emulator alone.",
    ),
    Gap(
        "DynamoDB",
        "It ignores the token that makes a transaction repeatable.",
        "Repeated transactions are tested on the emulator and on fakes.",
    ),
)

BY_EMULATOR = {"ministack": MINISTACK, "moto's server": MOTO}
#: Tests of ports that fail on moto for a gap of it.
LACKING_IN_MOTO = {gap.probe: gap.lacks for gap in MOTO if gap.probe and not gap.probe.startswith("test_moto_")}
