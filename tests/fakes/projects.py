"""Projects, their quotas and their rejected events in memory."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from chalicelib.core.access_key import AccessKey
from chalicelib.core.project import Project
from chalicelib.core.rejection import RejectedPost
from chalicelib.errors import StoreFailed


@dataclass
class FakeProjectStore:
    """`reads`: what was asked for, of projects and keys, in order."""

    projects: dict[str, Project] = field(default_factory=dict)
    catalogues: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    access_keys: dict[str, AccessKey] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    fails: bool = False

    def get(self, name: str) -> Project | None:
        self._read(name)
        return self.projects.get(name)

    def all(self) -> list[Project]:
        return [project for _, project in sorted(self.projects.items())]

    def save(self, project: Project, *, replacing: Project | None) -> bool:
        current = self.projects.get(project.name)
        if (current and current.version) != (replacing and replacing.version):
            return False
        version = replacing.version + 1 if replacing else 1
        self.projects[project.name] = replace(project, schemas={}, version=version)
        return True

    def schemas(self, project: str, version: str) -> dict[str, str]:
        self._read(version)
        return dict(self.catalogues.get((project, version), {}))

    def save_schemas(self, project: str, schemas: dict[str, str]) -> str:
        version = f"{len(repr(sorted(schemas.items())))}-{hash(tuple(sorted(schemas.items()))):x}"
        if sum(map(len, schemas.values())) > 1_000_000:
            raise ValueError("too large")
        self.catalogues[project, version] = dict(schemas)
        return version

    def key(self, key_id: str) -> AccessKey | None:
        self._read(key_id)
        return self.access_keys.get(key_id)

    def all_keys(self) -> list[AccessKey]:
        return [key for _, key in sorted(self.access_keys.items())]

    def save_key(self, key: AccessKey) -> None:
        self.access_keys[key.key_id] = key

    def remove_key(self, key_id: str) -> None:
        self.access_keys.pop(key_id, None)

    def _read(self, name: str) -> None:
        if self.fails:
            raise StoreFailed("the project store does not answer")
        self.reads.append(name)


@dataclass
class FakeQuotaCounter:
    """`taken`: events by project and minute; `lots`: the size of each call."""

    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    old_hours: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    lots: list[int] = field(default_factory=list)
    fails: bool = False

    def take(self, project: str, minute: str, events: int, *, quota: int) -> bool:
        if self.fails:
            raise StoreFailed("the counter does not answer")
        self.lots.append(events)
        if self.taken[project, minute] >= quota:
            return False
        self.taken[project, minute] += events
        return True

    def take_hours(self, project: str, day: str, hours: Collection[str], *, limit: int) -> set[str]:
        if self.fails:
            raise StoreFailed("the counter does not answer")
        self.lots.append(len(hours))
        known = self.old_hours.setdefault((project, day), set())
        if len(known) < limit:
            known |= set(hours)
        return set(known)


@dataclass
class FakeRejectionLog:
    posts: list[RejectedPost] = field(default_factory=list)
    fails: bool = False

    def keep(self, post: RejectedPost) -> None:
        if self.fails:
            raise StoreFailed("the log does not answer")
        self.posts.append(copy.deepcopy(post))

    def between(
        self,
        project: str,
        *,
        first: str,
        after: str,
        page_items: int | None = None,  # noqa: ARG002 - nothing is read in pages
    ) -> Iterator[RejectedPost]:
        for post in sorted(self.posts, key=lambda each: each.name, reverse=True):
            if post.project == project and first <= post.name and (not after or post.name < after):
                yield copy.deepcopy(post)
