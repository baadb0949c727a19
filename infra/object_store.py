"""S3ObjectStore: a bucket by the S3 protocol, as Google Cloud Storage (with HMAC keys), MinIO, R2 and S3 speak it.

Google's endpoint refuses what newer clients add by themselves: checksums of boto3's own, and deleting many at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from functions.ports import Unavailable

T = TypeVar("T")

READ_BYTES = 65_536
MOST_CALLS = 32
"""At once, those that nobody waits for any more included."""
MISSING = ("404", "NoSuchKey", "NotFound")


class S3ObjectStore:
    """``timeout`` in seconds bounds one call, whatever the other side does: a socket's own bounds only its silences."""

    def __init__(
        self, *, endpoint: str, bucket: str, access_key_id: str, secret_access_key: str, region: str, timeout: float
    ) -> None:
        self._bucket = bucket
        self._seconds = timeout
        self._calls = ThreadPoolExecutor(MOST_CALLS, "object store")
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            region_name=region,
            config=Config(
                signature_version="s3v4",
                connect_timeout=timeout / 5,
                read_timeout=timeout / 5,
                retries={"total_max_attempts": 1},  # those who call know how long they may try
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=32,
                s3={"addressing_style": "path"},
                proxies={},
            ),
        )

    def put(self, key: str, content: bytes) -> None:
        self._in_time(lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=content))

    def get(self, key: str) -> bytes | None:
        return self._in_time(lambda: self._get(key))

    def _get(self, key: str) -> bytes | None:
        until = time.monotonic() + self._seconds
        parts = []
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return None
            raise
        with body:
            for part in body.iter_chunks(READ_BYTES):
                parts.append(part)
                if time.monotonic() > until:  # nobody waits for it any more
                    raise Unavailable("the object store is too slow")
        return b"".join(parts)

    def delete(self, key: str) -> None:
        self._in_time(lambda: self._client.delete_object(Bucket=self._bucket, Key=key))

    def _in_time(self, call: Callable[[], T]) -> T:
        """A call that takes longer goes on by itself, and nobody learns how it ended."""
        with _told_plainly():
            return self._calls.submit(call).result(self._seconds)

    def keys(self, prefix: str) -> Iterator[str]:
        with _told_plainly():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                yield from (each["Key"] for each in page.get("Contents", ()))

    def link(self, key: str, seconds: int) -> str:
        """It is saved as text, never shown as a page: a program may print HTML."""
        name = key.replace("/", "-")
        shown = {
            "ResponseContentType": "text/plain; charset=utf-8",
            "ResponseContentDisposition": f'attachment; filename="{name}"',
        }
        asked = {"Bucket": self._bucket, "Key": key, **shown}
        with _told_plainly():
            url: str = self._client.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds)
        return url


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Whatever the other side or the way to it does is the port's Unavailable; a refusal of ours, too."""
    try:
        yield
    except ClientError as error:
        raise Unavailable(f"the object store: {error.response['Error'].get('Code', 'error')}") from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise Unavailable(f"the object store: {type(error).__name__}") from error
