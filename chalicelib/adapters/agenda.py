"""The agenda of the aggregator: the projects that have work, in turn, each with its oldest tasks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from heapq import merge
from itertools import groupby

from chalicelib.adapters.items import Item, key_item, key_of, readable, text
from chalicelib.adapters.marks import mark_of
from chalicelib.adapters.table import Table
from chalicelib.core import table_keys
from chalicelib.core.table_keys import Mark, Range
from chalicelib.core.turn import Turn
from chalicelib.core.windows import Window

_Task = Mark | Window


class Agenda:
    """Finds the next turns. `page_items`: items of one page of a partition.

    `most`: tasks of a project and partition in one turn.
    """

    def __init__(self, table: Table, *, page_items: int = 1000, most: int = 100) -> None:
        self._table = table
        self._page_items = page_items
        self._most = most

    def turns(self, *, after: str, running_hour: str, done: Collection[tuple[str, str]]) -> Iterator[Turn]:
        """Yield a turn for each project that has marks or unfinished windows, first the projects after `after`.

        A turn holds the marks of the running hour, and the oldest tasks of each partition. Tasks in `done` are left
        out; `done` names windows and marked hours by (project, name).

        Pages are read as the caller goes on. When enough tasks of a project are found, its other tasks are skipped. So
        no project delays the others.
        """
        start = table_keys.of_project(after).after if after else ""
        for part in (Range(start, ""), Range("", start)) if start else (Range("", ""),):
            yield from self._turns(part, running_hour, done)

    def _turns(self, part: Range, running_hour: str, done: Collection[tuple[str, str]]) -> Iterator[Turn]:
        sources: list[tuple[str, Callable[[Item], _Task]]] = [(pk, mark_of) for pk in table_keys.MARKS_PARTITIONS]
        sources.append((table_keys.UNFINISHED, lambda item: table_keys.parse_unfinished(key_of(item))))
        streams = [self._by_project(pk, read, part, done) for pk, read in sources]
        in_order = merge(*streams, key=lambda entry: table_keys.of_project(entry[0]).first)
        for project, entries in groupby(in_order, key=lambda entry: entry[0]):
            tasks = [task for _, found in entries for task in found]
            marks = [task for task in tasks if isinstance(task, Mark)]
            if len(marks) >= self._most and (project, running_hour) not in done:
                marks = list(dict.fromkeys([*self._running(project, running_hour), *marks]))
            yield Turn(project, marks, [task for task in tasks if isinstance(task, Window)])

    def _running(self, project: str, hour: str) -> list[Mark]:
        """Return the marks of the running hour, which may sort after many others."""
        keys = [table_keys.mark(project, hour, hour, shard) for shard in range(table_keys.SHARDS)]
        return list(readable(self._table.get_many(keys).values(), mark_of))

    def _by_project(
        self, pk: str, read: Callable[[Item], _Task], part: Range, done: Collection[tuple[str, str]]
    ) -> Iterator[tuple[str, list[_Task]]]:
        """Yield the oldest tasks of each project in a partition, project by project."""
        project, found, position = "", list[_Task](), part.first
        while True:
            page = self._table.pages(pk, first=position, after=part.after, Limit=self._page_items)
            items, last = next(page, ([], None))
            for task in readable(items, read):
                if task.project != project:
                    if found:
                        yield project, found
                    project, found = task.project, []
                name = task.hour if isinstance(task, Mark) else task.name
                if len(found) < self._most and (project, name) not in done:
                    found.append(task)
            if last is None:
                break
            position = f"{last}\0"
            if len(found) >= self._most:
                position = max(position, table_keys.of_project(project).after)
        if found:
            yield project, found

    def last_turn(self) -> str:
        """Return the project whose turn began last, or an empty text before the first."""
        item = self._table.get(table_keys.TURN)
        return item["p"].get("S", "") if item and "p" in item else ""

    def begin_turn(self, project: str) -> None:
        """Save whose turn begins. If the turn kills the run, the next run begins with the next project."""
        self._table.put(key_item(table_keys.TURN) | {"p": text(project)})
