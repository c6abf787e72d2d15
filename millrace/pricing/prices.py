"""List prices of AWS in us-east-1, without free tiers, each with its source and the day it was looked up."""

from __future__ import annotations

from typing import NamedTuple

REGION = "us-east-1"
LOOKED_UP = "2026-11-24"


class Price(NamedTuple):
    """Dollars for a unit, in tiers of a month: ((units up to, dollars), ...). The last tier has no end."""

    unit: str
    tiers: tuple[tuple[float, float], ...]
    source: str

    def of(self, units: float) -> float:
        """Return the dollars for a number of units in one month."""
        dollars, below = 0.0, 0.0
        for upto, price in self.tiers:
            dollars += max(0.0, min(units, upto) - below) * price
            below = upto
        return dollars

    @property
    def first(self) -> float:
        return self.tiers[0][1]


def _flat(unit: str, dollars: float, source: str) -> Price:
    return Price(unit, ((float("inf"), dollars),), source)


_MILLION = 1e-6
_INF = float("inf")
# AWS's definition of a gigabyte: https://aws.amazon.com/s3/faqs/
_GB = 2**30
_TB = 2**40

# On-demand prices since November 2024. Provisioned capacity at auto scaling's default target, 70 %.
_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_PROVISIONED = "https://aws.amazon.com/dynamodb/pricing/provisioned/"
_USED = 0.7 * 3600
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"

PRICES = {
    "rest_request": Price(
        "request",
        ((333e6, 3.50e-6), (1e9, 2.80e-6), (20e9, 2.38e-6), (_INF, 1.51e-6)),
        "https://aws.amazon.com/api-gateway/pricing/",
    ),
    "http_request": Price(
        "request of 512 KB", ((300e6, 1.00e-6), (_INF, 0.90e-6)), "https://aws.amazon.com/api-gateway/pricing/"
    ),
    "out_byte": Price(
        "byte to the internet",
        ((10 * _TB, 0.09 / _GB), (50 * _TB, 0.085 / _GB), (150 * _TB, 0.07 / _GB), (_INF, 0.05 / _GB)),
        "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer",
    ),
    "lambda_request": _flat("call", 0.20 * _MILLION, "https://aws.amazon.com/lambda/pricing/"),
    "lambda_gb_second": Price(
        "GB-second, arm64",
        ((7.5e9, 13.3334e-6), (18.75e9, 12.0001e-6), (_INF, 10.6667e-6)),
        "https://aws.amazon.com/lambda/pricing/",
    ),
    "queue_request": Price(
        "request of 64 KB",
        ((100e9, 0.40e-6), (200e9, 0.30e-6), (_INF, 0.24e-6)),
        "https://aws.amazon.com/sqs/pricing/",
    ),
    "write_unit": _flat("write request unit", 0.625 * _MILLION, _DYNAMODB),
    "read_unit": _flat("read request unit", 0.125 * _MILLION, _DYNAMODB),
    "provisioned_write_unit": _flat("write of a WCU used to 70 %", 0.00065 / _USED, _PROVISIONED),
    "provisioned_read_unit": _flat("read of an RCU used to 70 %", 0.00013 / _USED, _PROVISIONED),
    "table_byte_month": _flat("byte-month", 0.25 / _GB, _DYNAMODB),
    "backup_byte_month": _flat("byte-month of point-in-time recovery", 0.20 / _GB, _DYNAMODB),
    "object": _flat("PUT", 5 * _MILLION, "https://aws.amazon.com/s3/pricing/"),
    "object_byte_month": Price(
        "byte-month, Standard",
        ((50 * _TB, 0.023 / _GB), (500 * _TB, 0.022 / _GB), (_INF, 0.021 / _GB)),
        "https://aws.amazon.com/s3/pricing/",
    ),
    "log_byte": Price(
        "byte of a function's log",
        ((10 * _TB, 0.50 / _GB), (30 * _TB, 0.25 / _GB), (50 * _TB, 0.10 / _GB), (_INF, 0.05 / _GB)),
        _CLOUDWATCH,
    ),
    "publish": _flat("publish of 64 KB", 0.50 * _MILLION, "https://aws.amazon.com/sns/pricing/"),
    "metric_month": _flat("custom metric a month", 0.30, _CLOUDWATCH),
    "alarm_month": _flat("alarm of one metric a month", 0.10, _CLOUDWATCH),
    "dashboard_month": _flat("dashboard a month", 3.00, _CLOUDWATCH),
    "metric_asked": _flat("metric that GetMetricData asks for", 0.01e-3, _CLOUDWATCH),
}
