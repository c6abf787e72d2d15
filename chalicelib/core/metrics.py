"""The closed catalogue of metrics: what is not named here is not measured.

Metrics say how a stage does and are what alarms watch; they are nearly exact at best, since a killed
function takes its own with it. What is exact is in the table: see ledger.py.
"""

from __future__ import annotations

from chalicelib.core.event import REJECTION_CODES

NAMESPACE = "Millrace"

#: Fields of a log line that carries metrics: hashes of chunks, each behind its hour of receipt.
QUEUED_CHUNKS, COMMITTED_CHUNKS = "queued_chunks", "committed_chunks"

#: Name to CloudWatch's unit. Each costs one custom metric a stage, and only once it has been used.
CATALOGUE = {
    # Ingestion, at the time of receipt: events that SQS has confirmed, and refused ones.
    "accepted": "Count",
    "chunks": "Count",
    "chunk_hashes": "None",  # the sum of the hashes of their ids: tells sets of chunks apart
    "rejected": "Count",
    **{f"rejected_{code}": "Count" for code in REJECTION_CODES},
    "over_quota": "Count",  # events of POSTs that were answered 429
    "warned_schema_violation": "Count",  # accepted against their schema, or not checked
    # The processor.
    "batch_messages": "Count",
    "failed_messages": "Count",
    "stored": "Count",
    "duplicates": "Count",
    "waiting_duplicates": "Count",  # of events whose own chunk came long before and is not committed
    "quarantined_chunks": "Count",
    "undecodable_messages": "Count",  # set aside by the processor
    "archived_bytes": "Bytes",  # before compression
    "seconds_to_stored": "Seconds",  # from the receipt of a chunk to its commit
    # The aggregator.
    "reports_published": "Count",
    "report_lag_seconds": "Seconds",  # how long the longest-waiting hour has waited for its report
    "missing_chunks": "Count",  # what the ledger cannot account for: must be 0
}
