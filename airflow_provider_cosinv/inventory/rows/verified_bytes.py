# SPDX-License-Identifier: Apache-2.0
"""The stored bytes of one data file: verified while they stream, and inflated."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory.report.manifest import DataFile

_GZIP = 31  # window bits: a gzip header and trailer, checked
# At most so many bytes are inflated at a time, however well they were compressed.
_BLOCK_BYTES = 256 * 1024


def corrupt(message: str, file: DataFile, bucket: str, *, line: int | None = None) -> COSInventoryCorruptReportError:
    """Return the error for a data file that is not what it ought to be."""
    return COSInventoryCorruptReportError(message, bucket=bucket, key=file.key, line=line)


def verified(chunks: Iterable[bytes], *, file: DataFile, bucket: str) -> Iterator[bytes]:
    """
    Yield the bytes of a data file as they come; size and MD5 are known, and checked, behind the last.

    :param chunks: the object's bytes as stored
    :param file: what the manifest says of it
    :param bucket: full name of the bucket it lies in, for the errors
    :raises COSInventoryCorruptReportError: where they are not those of the manifest
    """
    md5 = hashlib.md5(usedforsecurity=False)
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > file.size:
            raise corrupt(f"The data file is longer than the {file.size} bytes of the manifest.", file, bucket)
        md5.update(chunk)
        yield chunk
    if size != file.size:
        raise corrupt(f"The data file has {size} bytes, the manifest says {file.size}.", file, bucket)
    if md5.hexdigest() != file.md5:
        raise corrupt(f"The data file's MD5 is {md5.hexdigest()}, the manifest says {file.md5}.", file, bucket)


class Member(Protocol):
    """Inflates one member of a gzip file. It keeps what it was given and has not inflated yet."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether everything it was given is inflated."""

    @property
    def unused_data(self) -> bytes:
        """The bytes behind the member's end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return at most ``max_length`` inflated bytes."""


@dataclass(frozen=True)
class Inflater:
    """
    A library that inflates gzip.

    :param begin: begins a member
    :param error: raised by a member if its bytes are not gzip
    """

    begin: Callable[[], Member]
    error: type[Exception]


def inflated(
    chunks: Iterable[bytes], *, file: DataFile, bucket: str, inflater: Inflater | None = None
) -> Iterator[bytes]:
    """
    Yield what gzip packed, of any number of members.

    :param chunks: the object's bytes as stored
    :param file: the file, as the manifest describes it
    :param bucket: full name of its bucket, for errors
    :param inflater: default: zlib
    :raises COSInventoryCorruptReportError: if the bytes are not gzip, or end too early
    """
    begin, fault = (inflater.begin, inflater.error) if inflater else (_ZlibMember, zlib.error)
    member: Member | None = None
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                member = member or begin()
                block = member.decompress(rest, _BLOCK_BYTES)
                while block:
                    yield block
                    more = not (member.eof or member.needs_input)
                    block = member.decompress(b"", _BLOCK_BYTES) if more else b""
                rest = b""
                if member.eof:
                    rest, member = member.unused_data, None
    except fault as error:
        raise corrupt(f"The data file is not gzip: {error}.", file, bucket) from error
    if member:
        raise corrupt("The data file ends in the middle of its gzip stream.", file, bucket)


class _ZlibMember:
    """A member read by zlib, which would hand back what it has not inflated yet."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._stream.decompress(data or self._stream.unconsumed_tail, max_length)
