# SPDX-License-Identifier: Apache-2.0
"""A bucket of any number of made-up objects, the same ones each time; none of them takes memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from airflow_provider_cosinv.emulator.storage.bodies import CHUNK
from airflow_provider_cosinv.emulator.storage.crc64 import crc64
from airflow_provider_cosinv.emulator.storage.objects import ObjectVersion

# In the order of their UTF-8 bytes, which is the order of the keys.
_FOLDERS = (
    "100%/",
    "Makefile.d/",
    "archive/2024 Q1/",
    "archive/2024 Q2/",
    "backup/db-01/",
    "backup/db-02/",
    'data/"quoted"/',
    "data/a+b/",
    "data/raw, unsorted/",
    "images/",
    "logs/app=web/",
    "logs/app=worker/",
    "tmp/",
    "video/~drafts/",
    "图片/二〇二六/",
    "日志/",
)
_NAMES = (
    "part.parquet",
    "IMG 2041.jpeg",
    "a+b.csv",
    "50%.txt",
    "图片.png",
    'say "hi".json',
    "x, y.tsv",
    "it's.log.gz",
    "%2Fencoded%20twice.bin",
    "caf\u00e9.md",
    "report & notes.xml",
)
_STORAGE_CLASSES = (
    *("STANDARD",) * 9,
    *("STANDARD_IA",) * 3,
    "INTELLIGENT_TIERING",
    "MAZ_STANDARD",
    "ARCHIVE",
    "DEEP_ARCHIVE",
)
_TAGS = ((), (), (), (), (), (("age", "18"),), (("team", "数据 & AI"), ("tier", "a=b")), (("env", "prod"),))
_NEWEST = 1_767_225_600  # 2026-01-01: the same objects whenever the emulator is started
_FOUR_YEARS = 4 * 365 * 86400
_PER_FOLDER = 1000
_SIZES = 2048
_EMPTY = 8
_LARGEST = 16 * 1024 * 1024
_MULTIPART_FROM = 8 * 1024 * 1024
_MULTIPLIER = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


class _Digests(NamedTuple):
    etag: str
    crc64: int


class SpaceBody:
    """A body of spaces: its size says all about it."""

    def read(self, start: int, length: int) -> Iterator[bytes]:  # noqa: ARG002  spaces, wherever one starts
        """Yield the bytes."""
        while length > 0:
            step = min(CHUNK, length)
            yield b" " * step
            length -= step


_BODY = SpaceBody()


class SyntheticCatalogue:
    """
    Made-up objects.

    Keys have spaces, quotes, commas, ``+``, ``%`` and Chinese characters. Every body is spaces, so that ETag and
    CRC64 are true without keeping anything; some objects claim to be uploaded in parts.

    :param count: how many objects
    """

    def __init__(self, count: int) -> None:
        self._count = count
        share, rest = divmod(count, len(_FOLDERS))
        shares = [share + (number < rest) for number in range(len(_FOLDERS))]
        self._starts = [0, *accumulate(shares)]

    def __len__(self) -> int:
        """Return the number of objects."""
        return self._count

    def key(self, index: int) -> str:
        """Return a key; a higher index has a higher key."""
        share, rest = divmod(self._count, len(_FOLDERS))
        folder = index // (share + 1)
        if folder >= rest:
            folder = rest + (index - rest * (share + 1)) // share
        local = index - self._starts[folder]
        name = _NAMES[(index * 7 + folder) % len(_NAMES)]
        return f"{_FOLDERS[folder]}{local // _PER_FOLDER:06d}/{local % _PER_FOLDER:04d}-{name}"

    def entry(self, index: int) -> ObjectVersion:
        """Return an object."""
        noise = _noise(index)
        size_index = noise % _SIZES
        size = self._sizes[size_index]
        etag, crc = self._digests[size_index]
        return ObjectVersion(
            self.key(index),
            size,
            float(_NEWEST - (noise >> 16) % _FOUR_YEARS),
            etag,
            _BODY,
            "",
            _STORAGE_CLASSES[(noise >> 12) % len(_STORAGE_CLASSES)],
            _TAGS[(noise >> 40) % len(_TAGS)],
            _HEADERS[(noise >> 44) % len(_HEADERS)],
            crc,
            False,  # noqa: FBT003  positional, because this runs a million times
            size >= _MULTIPART_FROM,
            ("", "", "", "COMPLETED")[(noise >> 50) % 4],
        )

    def total_size(self) -> int:
        """Return the bytes of all objects."""
        return self._total

    @cached_property
    def _total(self) -> int:
        sizes = self._sizes
        return sum(sizes[_noise(index) % _SIZES] for index in range(self._count))

    @cached_property
    def _sizes(self) -> list[int]:
        # Spread over the orders of magnitude; the first few are empty, as markers of folders are.
        growth = _LARGEST ** (1 / (_SIZES - 1))
        return [0 if number < _EMPTY else round(growth**number) for number in range(_SIZES)]

    @cached_property
    def _digests(self) -> list[_Digests]:
        # Each body starts with the one before it, so all of them cost no more than the largest.
        md5, crc, done, found = hashlib.md5(), 0, 0, []  # noqa: S324  COS's choice
        for size in self._sizes:
            for chunk in _BODY.read(0, size - done):
                md5.update(chunk)
                crc = crc64(chunk, crc)
            done = size
            parts = f"-{-(-size // 1048576)}" if size >= _MULTIPART_FROM else ""
            found.append(_Digests(md5.hexdigest() + parts, crc))
        return found


_HEADERS = (
    {"content-type": "application/octet-stream"},
    {"content-type": "application/octet-stream"},
    {"content-type": "application/octet-stream", "x-cos-meta-owner": "web, team"},
    {"content-type": "application/octet-stream", "x-cos-meta-owner": "数据"},
)


def _noise(index: int) -> int:
    """Return 64 well-mixed bits for an index, the same ones each time."""
    mixed = (index + 1) * _MULTIPLIER & _MASK
    mixed = (mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9 & _MASK
    return mixed ^ mixed >> 32
