# SPDX-License-Identifier: Apache-2.0
"""Where a result goes: an object of COS, or a file; checked before the work, published after it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow_provider_cosinv.cos.bucket_check import check_bucket
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryError,
    COSInventoryNotFoundError,
    COSInventoryTransientError,
    quoted,
    shown,
)
from airflow_provider_cosinv.inventory.names import BucketName
from airflow_provider_cosinv.processing import atomic_file as beside
from airflow_provider_cosinv.table.temporary_folder import MAY_PASS

if TYPE_CHECKING:
    from airflow_provider_cosinv.cos.client import COSClient

_PARAMETER = "destination"
_SPELLING = "Write cos://name-APPID/key, or the absolute path of a file, such as /data/result.parquet."

_HINTS = {
    errno.ENOSPC: "Make room there, or choose another destination.",
    errno.EDQUOT: "Raise the quota, or choose another destination.",
    errno.EACCES: "Let the user that runs the task write there, or choose another destination.",
    errno.EPERM: "Let the user that runs the task write there, or choose another destination.",
    errno.EROFS: "This is mounted for reading only: choose another destination.",
    errno.EISDIR: "This is a folder: give the name of a file in it.",
    errno.ENOTDIR: "What should be a folder is a file: correct the path.",
    errno.EEXIST: "What should be a folder is a file: correct the path.",
}


@dataclass(frozen=True)
class ResultLocation:
    """
    Where a result goes.

    :param bucket: full name, ``name-APPID``; None for a file
    :param path: key of the object, or absolute path of the file
    """

    bucket: str | None
    path: str

    @classmethod
    def parse(cls, text: str) -> ResultLocation:
        """
        Read ``cos://name-APPID/key``, ``/path/of/a/file`` or ``file:///path/of/a/file``.

        A key is taken as it is written, with nothing encoded; a ``file:`` URL is decoded, as URLs are.

        :raises COSInventoryConfigurationError: where it is none of them
        """
        if not isinstance(text, str):
            raise _refuse(text, _SPELLING)
        scheme, has_scheme, rest = text.partition("://")
        if has_scheme and scheme == "cos":
            bucket, _, key = rest.partition("/")
            BucketName.parse(bucket, parameter=_PARAMETER)
            if key in ("", ".", ".."):
                raise _refuse(text, "Name an object behind the bucket: cos://name-APPID/key.")
            return cls(bucket, key)
        if text.startswith("file:"):
            parts = urlsplit(text)
            if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
                raise _refuse(text, "Write file:///path, or the path alone.")
            return cls._local(unquote(parts.path), text)
        return cls._local(text, text)

    @classmethod
    def _local(cls, path: str, text: str) -> ResultLocation:
        if not path.startswith("/") or "\0" in path or not path.strip("/"):
            raise _refuse(text, _SPELLING)
        return cls(None, path)

    def __truediv__(self, name: str) -> ResultLocation:
        """Return the place of a name in this one, which is a folder."""
        return ResultLocation(self.bucket, f"{self.path.removesuffix('/')}/{name}")

    def __str__(self) -> str:
        """Return what :meth:`parse` reads, and DuckDB, too."""
        return self.path if self.bucket is None else f"cos://{self.bucket}/{self.path}"


def check_writable(location: ResultLocation, client: Callable[[], COSClient]) -> None:
    """
    Find out whether a result can be published, as far as that can be known before.

    Of a file, the folder is made and written to. Of an object, COS is asked for the bucket (436/7735), which needs
    ``name/cos:HeadBucket``; whether the caller may write shows only when it does.

    :param client: makes the client of the bucket's region, where the place is a bucket
    :raises COSInventoryConfigurationError: where the place is wrong, or no file can be made there
    :raises COSInventoryError: of the client
    """
    _check_names_a_file(location)
    if location.bucket is None:
        target = Path(location.path)
        try:
            if target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            beside.check(target)
        except OSError as error:
            raise _explained(error, location) from None
        return
    asked = client()
    try:
        check_bucket(
            asked,
            location.bucket,
            region=asked.region,
            called=f"The bucket of {shown(location)}",
            parameter=_PARAMETER,
            hint="Correct the bucket, or the region of the task: a bucket answers only in its own.",
        )
    except (COSInventoryConfigurationError, COSInventoryNotFoundError):
        raise
    except COSInventoryError as error:
        raise _named(error, location) from error


def publish(local_file: Path, location: ResultLocation, client: Callable[[], COSClient]) -> None:
    """
    Put a finished file where the result goes, in place of what is there.

    The result is there whole or not at all: an object appears when COS has all of it, and a file is written under
    another name beside its own, and renamed. The local file stays.

    :param local_file: the result
    :param client: makes the client of the bucket's region, where the place is a bucket
    :raises COSInventoryConfigurationError: where no file can be made there
    :raises COSInventoryTransientError: where a disk is full
    :raises COSInventoryError: of the client
    """
    _check_names_a_file(location)
    if location.bucket is not None:
        asked = client()
        try:
            asked.upload_file(location.bucket, location.path, local_file)
        except COSInventoryError as error:
            raise _named(error, location) from error
        return
    with local_file.open("rb") as source:
        try:
            beside.replace(source, Path(location.path))
        except OSError as error:
            raise _explained(error, location) from None


def _check_names_a_file(location: ResultLocation) -> None:
    if location.path.rpartition("/")[2] in ("", ".", ".."):
        raise _refuse(str(location), "This is a folder: give the name of a file in it.")


def _refuse(text: object, hint: str) -> COSInventoryConfigurationError:
    return COSInventoryConfigurationError(
        f"{quoted(text)} is not a valid destination.", parameter=_PARAMETER, hint=hint
    )


def _explained(error: OSError, location: ResultLocation) -> COSInventoryError:
    cls = COSInventoryTransientError if error.errno in MAY_PASS else COSInventoryConfigurationError
    hint = _HINTS.get(error.errno or 0, "Check the path on the machine that runs the task.")
    return cls(
        f"{shown(location)} cannot be written: {shown(error.strerror or error)}.", parameter=_PARAMETER, hint=hint
    )


def _named(error: COSInventoryError, location: ResultLocation) -> COSInventoryError:
    """Return the error of a client with the destination in its text."""
    details = {**error.details(), "parameter": _PARAMETER}
    return type(error)(f"{shown(location)} cannot be written: {error.message}", **details)
