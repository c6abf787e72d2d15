"""The bucket (S3): reads and writes whole objects by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.adapters.aws import error_code, translated_errors
from chalicelib.ports import ArchiveObject

# S3's codes for an object that has changed since it was read, that another call is changing, or that is gone.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_MOVED_ON = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")
#: S3's codes for a missing object. The second tuple is for callers without the right to list the bucket.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
GONE, GONE_OR_HIDDEN = ("NoSuchKey",), ("NoSuchKey", "AccessDenied")


class Bucket:
    """One bucket. Every method raises StoreFailed. `client`: returns the client, made on first use."""

    def __init__(self, client: Callable[[], Any], name: str) -> None:
        self._client = client
        self._name = name

    def put_json(self, name: str, document: str) -> None:
        self.put(name, document.encode(), "application/json")

    def put(self, name: str, body: bytes, content_type: str) -> None:
        with translated_errors():
            self._client().put_object(Bucket=self._name, Key=name, Body=body, ContentType=content_type)

    def replace(self, name: str, body: bytes, content_type: str, *, etag: str) -> bool:
        """Put an object in place of the one with this etag. Return False if the object has changed or is gone."""
        with translated_errors():
            try:
                self._client().put_object(
                    Bucket=self._name, Key=name, Body=body, ContentType=content_type, IfMatch=etag
                )
            except ClientError as error:
                if error_code(error) in _MOVED_ON:
                    return False
                raise
        return True

    def get(self, name: str, gone: Sequence[str] = GONE) -> tuple[bytes, str] | None:
        """Return an object and its etag, or None if it does not exist."""
        with translated_errors():
            try:
                answer = self._client().get_object(Bucket=self._name, Key=name)
            except ClientError as error:
                if error_code(error) in gone:
                    return None
                raise
            return answer["Body"].read(), answer["ETag"]

    def delete(self, name: str) -> None:
        """Delete an object, if it exists."""
        with translated_errors():
            self._client().delete_object(Bucket=self._name, Key=name)

    def find(self, prefix: str, *, after: str = "") -> Iterator[ArchiveObject]:
        """Yield the objects whose names start with `prefix` and sort after `after`, in the order of their names."""
        options = {"StartAfter": after} if after else {}
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix, **options)
        with translated_errors():
            for page in pages:
                yield from (ArchiveObject(each["Key"], each["LastModified"]) for each in page.get("Contents", []))
