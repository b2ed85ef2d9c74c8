"""The second tier as a bucket of S3, or of what speaks like it (MinIO, Garage, Ceph), through django-storages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile
from django.utils import timezone
from storages.backends.s3 import S3Storage

from storage.errors import SecondTierAway
from storage.models import Installation
from storage.models.chunk import CHUNK_BYTES_MAX
from storage.tier import MARKER, PROBE

WINDOW_BYTES = 2**20  # headers and fragments are read in order: one request brings what is asked for next, too
CONNECT_S, READ_S = 5, 20
MISSING = ("404", "NoSuchKey", "NotFound")


class Bucket(S3Storage):
    """Objects of one bucket, below a prefix. A PUT is one request, durable when it is answered."""

    def __init__(self, **options: Any) -> None:
        config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            retries={"total_max_attempts": 2},
            signature_version="s3v4",
            # Bucket names as part of a host name, and newer checksums: not every server knows them.
            s3={"addressing_style": "path" if options.get("endpoint_url") else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        whole = TransferConfig(multipart_threshold=2 * CHUNK_BYTES_MAX, use_threads=False)
        fixed = {"file_overwrite": True, "default_acl": None, "client_config": config, "transfer_config": whole}
        super().__init__(**fixed, **options)

    def prove(self) -> None:
        """The bucket answers and carries our marker; the first time it is empty below its prefix and gets it."""
        installation = Installation.objects.this()
        try:
            found = self._get(MARKER, 0, 100).decode("ascii", "replace").strip()
        except FileNotFoundError as error:
            if installation.second_marked_at is not None or any(self.listdir("")):
                raise _wrong("does not carry this installation's mark") from error
            self.adopt()
            return
        if found != str(installation.uuid):
            raise _wrong("belongs to another installation")

    def adopt(self) -> None:
        """Mark it as ours."""
        installation = Installation.objects.this()
        self.save(MARKER, ContentFile(f"{installation.uuid}\n".encode()))
        Installation.objects.filter(pk=installation.pk).update(second_marked_at=timezone.now())

    def probe(self) -> None:
        """Write and remove a few bytes."""
        self.save(PROBE, ContentFile(b"ucam\n"))
        self.delete(PROBE)

    def reader(self, name: str) -> BucketReader:
        """By ranges."""
        return BucketReader(self, name, self.size(name))

    def room(self) -> None:
        """A bucket tells no end."""
        return

    def size(self, name: str) -> int:
        """In bytes."""
        with _away(name):
            return int(self.connection.meta.client.head_object(**self._place(name))["ContentLength"])

    def delete(self, name: str) -> None:
        """None of that name is fine."""
        with _away(name):
            super().delete(name)

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        """Folders and files."""
        with _away(name):
            folders, files = super().listdir(name)
        return folders, files

    def read(self, name: str, offset: int, count: int) -> bytes:
        """A range, which must lie in the object."""
        return self._get(name, offset, count)

    def _get(self, name: str, offset: int, count: int) -> bytes:
        with _away(name):
            wanted = f"bytes={offset}-{offset + count - 1}"
            answer = self.connection.meta.client.get_object(**self._place(name), Range=wanted)
            with contextlib.closing(answer["Body"]) as body:
                return bytes(body.read())

    def _save(self, name: str, content: Any) -> str:
        with _away(name):
            return str(super()._save(name, content))

    def _place(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self._normalize_name(name)}


class BucketReader:
    """An object, read through a window."""

    def __init__(self, bucket: Bucket, name: str, size: int) -> None:
        self.bucket, self.name, self.size = bucket, name, size
        self._start, self._window = 0, b""

    def read_at(self, offset: int, count: int) -> bytes:
        """From the window; what is not in it is fetched, and a little more."""
        end = min(offset + count, self.size)
        if offset >= end:
            return b""
        if offset < self._start or end > self._start + len(self._window):
            try:
                self._window = self.bucket.read(self.name, offset, min(max(count, WINDOW_BYTES), self.size - offset))
            except FileNotFoundError as error:
                raise SecondTierAway("This footage is gone from the second storage.") from error
            self._start = offset
        return self._window[offset - self._start : end - self._start]

    def close(self) -> None:
        """May be called twice."""
        self._window = b""


@contextlib.contextmanager
def _away(name: str) -> Iterator[None]:
    """What boto3 raises, as ours."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in MISSING:
            raise FileNotFoundError(2, "No such object", name) from error
        words = error.response.get("Error", {}).get("Message") or "no reason given"
        raise SecondTierAway(f"The second storage refuses: {words}.") from error
    except (BotoCoreError, Boto3Error, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise SecondTierAway("The second storage cannot be reached.") from error


def _wrong(words: str) -> SecondTierAway:
    return SecondTierAway(
        f"The bucket of the second storage {words}.",
        hint="Set UCAM_SECOND_TIER to the right one. For another: manage.py check_storage --adopt-second-tier.",
    )
