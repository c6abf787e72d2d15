"""Trino's SQL, translated for DuckDB: the nearest to Athena that runs here.

sqlglot reads a query by Trino's grammar, and refuses what it cannot translate. A function whose meaning differs becomes
a macro that does what Trino's documentation says. What this cannot show: that Athena itself takes a query.
"""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp

#: Functions of Trino that the queries may use: https://trino.io/docs/current/functions.html
FUNCTIONS = {
    *("coalesce", "nullif", "cast", "count", "min", "row_number", "date_trunc", "date_diff"),
    *("json_extract_scalar", "regexp_extract", "replace", "rpad", "substr"),
}
# "Returns the result value as a string", of booleans, numbers and strings; NULL for anything else.
# https://trino.io/docs/current/functions/json.html#json_extract_scalar
MACROS = """
CREATE MACRO trino_json_extract_scalar(document, path) AS
CASE WHEN json_type(document, path) IN ('OBJECT', 'ARRAY') THEN NULL ELSE json_extract_string(document, path) END
"""
# Words that stand before a parenthesis and are no functions.
_KEYWORDS = {"and", "as", "in", "over", "from", "join", "on", "select", "where"}


def functions_in(query: str) -> set[str]:
    """The functions that a query calls."""
    code = re.sub(r"--.*|'[^']*'", "", query)
    return {name.lower() for name in re.findall(r"\b([a-zA-Z_0-9]+)\s*\(", code)} - _KEYWORDS


def in_duckdb(query: str) -> str:
    """The query for DuckDB. Raises SqlglotError."""
    tree = sqlglot.parse_one(query, read="trino")
    for call in list(tree.find_all(exp.JSONExtractScalar)):
        path = sqlglot.exp.Literal.string(call.expression.sql(dialect="duckdb").strip("'"))
        call.replace(exp.Anonymous(this="trino_json_extract_scalar", expressions=[call.this, path]))
    return tree.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
