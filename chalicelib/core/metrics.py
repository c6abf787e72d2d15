"""The closed catalogue of metrics. A name that is not in it cannot be measured.

Metrics show a stage's health, and alarms watch them. They are almost exact: a killed function loses its last metrics.
The table has exact numbers (ledger.py).
"""

from __future__ import annotations

from chalicelib.core.event import REJECTION_CODES

NAMESPACE = "Millrace"

#: Fields of a log line with metrics: the hashes of chunks, each with its hour of receipt.
QUEUED_CHUNKS, COMMITTED_CHUNKS = "queued_chunks", "committed_chunks"

#: The unit of each metric. A metric costs one custom metric of a stage from its first use on.
CATALOGUE = {
    # Ingestion, at the time of receipt: events that SQS has confirmed, and rejected ones.
    "accepted": "Count",
    "chunks": "Count",
    "chunk_hashes": "None",  # the sum of the hashes of their ids; differs for different sets of chunks
    "rejected": "Count",
    **{f"rejected_{code}": "Count" for code in REJECTION_CODES},
    "over_quota": "Count",  # events of POSTs that got 429
    "warned_schema_violation": "Count",  # accepted although they violate their schema, or were not checked
    # The processor.
    "batch_messages": "Count",
    "failed_messages": "Count",
    "stored": "Count",
    "duplicates": "Count",
    "waiting_duplicates": "Count",  # chunks with duplicates of old events that were never committed
    "quarantined_chunks": "Count",
    "undecodable_messages": "Count",  # put into the quarantine by the processor
    "archived_bytes": "Bytes",  # before compression
    "seconds_to_stored": "Seconds",  # from the receipt of a chunk to its commit
    # The aggregator.
    "reports_published": "Count",
    "report_lag_seconds": "Seconds",  # the longest time that an hour has waited for its report
    "missing_chunks": "Count",  # accepted chunks that the ledger finds nowhere: must be 0
}
