# SPDX-License-Identifier: Apache-2.0
"""The stored bytes of one data file: verified while they stream, and inflated."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator

from airflow_provider_cosinv.exceptions import COSInventoryCorruptReportError
from airflow_provider_cosinv.inventory.manifest import DataFile

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


def inflated(chunks: Iterable[bytes], *, file: DataFile, bucket: str) -> Iterator[bytes]:
    """
    Yield what gzip packed, of any number of members.

    :param chunks: the object's bytes as stored
    :param file: what the manifest says of it
    :param bucket: full name of the bucket it lies in, for the errors
    :raises COSInventoryCorruptReportError: where they are not gzip, or end too early
    """
    member = zlib.decompressobj(_GZIP)
    begun = False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if member.eof:
                    member, begun = zlib.decompressobj(_GZIP), False
                begun = True
                if block := member.decompress(rest, _BLOCK_BYTES):
                    yield block
                rest = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error as error:
        raise corrupt(f"The data file is not gzip: {error}.", file, bucket) from error
    if begun and not member.eof:
        raise corrupt("The data file ends in the middle of its gzip stream.", file, bucket)
