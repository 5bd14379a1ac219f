"""Blobs in an S3-compatible store: one object each, named by the hash of what is in it.

The address is ``s3://bucket/prefix?endpoint=https://host:port&region=name``; credentials come from the environment or
the usual files of the AWS clients, never from a machine's metadata service (there is no network beyond the site). An
object appears as a whole or not at all, so that there is nothing half-written to clear up; what a write that was cut
off left is set aside by ``sweep``, under ``<prefix>quarantine/``.
"""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from api.store.blobs import Known, Note, in_parts, is_blob_name
from dafec.errors import InstallationError, UsageError

__all__ = ["S3Blobs"]

_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S, _ATTEMPTS = 5, 30, 3
_NAMES_AT_ONCE = 500
_ABSENT = {"NoSuchKey", "404", "NotFound"}


class S3Blobs:
    """Blobs in a bucket, which must exist.

    Args:
        url: see the module.

    Raises:
        UsageError: ``store.bad_blobs_url``.
        InstallationError: ``store.extra_missing``.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options = parse_qs(parts.query)
        if parts.scheme != "s3" or not parts.hostname or parts.username or set(options) - {"endpoint", "region"}:
            raise UsageError("store.bad_blobs_url")
        self._bucket = parts.netloc
        prefix = parts.path.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._aside = f"{self._prefix}quarantine/"
        self._client = _client(options.get("endpoint", [None])[0], options.get("region", ["us-east-1"])[0])

    def write(self, data: bytes, sha256: str) -> bool:
        """Makes ``data`` durable under its hash. Raises OSError."""
        with _os_errors():
            self._client.put_object(Bucket=self._bucket, Key=self._key(sha256), Body=data)
        return True

    def read(self, sha256: str) -> bytes:
        """The bytes of a blob.

        Raises:
            InstallationError: ``storage.damaged`` where it is not there or not what its name says.
            OSError: the store cannot be reached.
        """
        try:
            with _os_errors():
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(sha256))
                data: bytes = answer["Body"].read()
        except FileNotFoundError as error:
            raise InstallationError("storage.damaged") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InstallationError("storage.damaged")
        return data

    def remove(self, sha256: str) -> None:
        """Removes a blob; one that is not there is no error. Raises OSError."""
        with _os_errors():
            self._client.delete_object(Bucket=self._bucket, Key=self._key(sha256))

    def begin(self, hashes: Iterable[str]) -> Note:
        """Keeps no note."""
        return None

    def abandon(self, note: Note) -> None:
        """Keeps no note."""

    def finish(self, note: Note) -> None:
        """Keeps no note."""

    def names(self) -> Iterator[str]:
        """The name of every blob. Raises OSError."""
        return (name for name, _ in self._objects(self._prefix))

    def count(self) -> int:
        """1 where there is any blob; counting them all would take long. Raises OSError."""
        return int(any(True for _ in self._objects(self._prefix)) or any(True for _ in self._objects(self._aside)))

    def sweep(self, known: Known, min_age_s: float) -> int:
        """Sets aside what nothing refers to and is old enough, brings back what something refers to again."""
        for part in in_parts((name for name, _ in self._objects(self._aside)), _NAMES_AT_ONCE):
            for name in known(part):
                self._move(self._aside + name, self._key(name))
        before = time.time() - min_age_s if min_age_s else float("inf")
        old = (name for name, written in self._objects(self._prefix) if written <= before)
        strangers = 0
        for part in in_parts(old, _NAMES_AT_ONCE):
            for name in set(part) - known(part):
                self._move(self._key(name), self._aside + name)
                strangers += 1
        return strangers

    def probe(self) -> None:
        """Writes and removes a small object. Raises OSError where that does not work."""
        with _os_errors():
            self._client.put_object(Bucket=self._bucket, Key=f"{self._prefix}probe", Body=b"probe")
            self._client.delete_object(Bucket=self._bucket, Key=f"{self._prefix}probe")

    def free_bytes(self) -> int | None:
        """Nothing tells."""
        return None

    def _key(self, sha256: str) -> str:
        if not is_blob_name(sha256):
            raise ValueError("not a SHA-256 in lower-case hexadecimal")
        return self._prefix + sha256

    def _objects(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Names of blobs directly under a prefix, and when they were written, in seconds since 1970."""
        with _os_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    name = found["Key"].removeprefix(prefix)
                    if is_blob_name(name):
                        yield name, found["LastModified"].timestamp()

    def _move(self, source: str, target: str) -> None:
        with _os_errors():
            place = {"Bucket": self._bucket, "Key": source}
            self._client.copy_object(Bucket=self._bucket, Key=target, CopySource=place)
            self._client.delete_object(**place)


def _client(endpoint: str | None, region: str) -> Any:
    try:
        import botocore.session
        from botocore.config import Config
    except ImportError as error:
        raise InstallationError("store.extra_missing", module="boto3") from error
    session = botocore.session.get_session()
    providers = session.get_component("credential_provider")
    for beyond in ("container-role", "iam-role"):
        providers.remove(beyond)
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path" if endpoint else "auto"},
        max_pool_connections=16,
    )
    try:
        return session.create_client("s3", region_name=region, endpoint_url=endpoint, config=config)
    except ValueError as error:
        raise UsageError("store.bad_blobs_url") from error


@contextmanager
def _os_errors() -> Iterator[None]:
    """Errors of the client as those of a medium, which is what the store maps."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _ABSENT:
            raise FileNotFoundError(errno.ENOENT, "no such object") from error
        if code in {"EntityTooLarge", "QuotaExceeded", "XMinioStorageFull"} or status == 507:
            raise OSError(errno.ENOSPC, "the store is full") from error
        if status >= 500 or status == 429:
            raise OSError(errno.ETIMEDOUT, "the store does not answer as it should") from error
        raise OSError(errno.EIO, "the store refused") from error
    except BotoCoreError as error:
        raise OSError(errno.ETIMEDOUT, "the store cannot be reached") from error
