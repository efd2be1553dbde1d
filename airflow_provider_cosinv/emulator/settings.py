# SPDX-License-Identifier: Apache-2.0
"""What about the emulator can be chosen: where the documentation is silent, and what a test needs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from airflow_provider_cosinv.emulator.clock import parse_timezone

_DELIVERY = re.compile(r"now|polls:([0-9]+)|seconds:([0-9]+(?:\.[0-9]+)?)")


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """
    When a finished report becomes visible.

    :param polls: after so many requests that looked for it in vain
    :param seconds: after so many seconds of the emulator's clock since the submission
    """

    polls: int = 0
    seconds: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Delivery:
        """
        Read ``now``, ``polls:3`` or ``seconds:30``.

        :raises ValueError: where it is none of them
        """
        match = _DELIVERY.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is not a time of delivery; write now, polls:3 or seconds:30.")
        return cls(polls=int(match[1] or 0), seconds=float(match[2] or 0))


@dataclass(frozen=True, kw_only=True)
class ReportDialect:
    """
    How a report is written where no page of COS says how; the defaults are the likeliest reading.

    :param manifest: ``current`` (numbers as strings, ``md5Checksum``) or ``historic`` (integers, ``MD5checksum``)
    :param checksum: ``hex``, ``HEX`` or ``base64``
    :param checksum_newline: whether ``manifest.checksum`` ends in a line feed
    :param empty_report: ``no-file`` or ``empty-file``, where no object matches
    :param root_slash: whether an empty destination prefix gives keys that begin with ``/``
    :param quote_all: whether every value of the CSV is quoted, or only those that need it
    :param crlf: whether lines of the CSV end in CR LF
    :param lower_booleans: ``true`` and ``false`` rather than ``True`` and ``False``
    :param quoted_etag: whether an ETag in the CSV has quotes of its own
    :param capitalised_storage_class: ``Standard`` rather than ``STANDARD``
    :param milliseconds: whether times in the CSV have ``.000``
    """

    manifest: str = "current"
    checksum: str = "hex"
    checksum_newline: bool = False
    empty_report: str = "no-file"
    root_slash: bool = False
    quote_all: bool = True
    crlf: bool = False
    lower_booleans: bool = False
    quoted_etag: bool = False
    capitalised_storage_class: bool = False
    milliseconds: bool = False

    def __post_init__(self) -> None:
        """Refuse a word that is not a choice."""
        for name, choices in (
            ("manifest", ("current", "historic")),
            ("checksum", ("hex", "HEX", "base64")),
            ("empty_report", ("no-file", "empty-file")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(choices)}.")


@dataclass(frozen=True, kw_only=True)
class EmulatorSettings:
    """
    How the emulator behaves.

    :param region: of buckets that are created without one
    :param owner: UIN of the buckets' owner
    :param delivery: when reports become visible
    :param report_timezone: of the date in a report's keys, and of the day on which an inventory id is unique
    :param rows_per_file: rows of one data file at most
    :param dialect: how reports are written
    :param post_rate: one-time inventories that a bucket takes per second (1 in COS); 0 is any number
    :param duplicate_status: HTTP status of ``DuplicateInventoryId``, which is not documented
    :param check_destination: whether a destination that is missing, in another region or closed to reports is an
        error of the POST or PUT; otherwise the report just never appears
    """

    region: str = "ap-guangzhou"
    owner: str = "100000000001"
    delivery: Delivery = field(default_factory=Delivery)
    report_timezone: str = "Asia/Shanghai"
    rows_per_file: int = 1_000_000
    dialect: ReportDialect = field(default_factory=ReportDialect)
    post_rate: float = 1.0
    duplicate_status: int = 409
    check_destination: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        parse_timezone(self.report_timezone)
        if self.rows_per_file < 1:
            raise ValueError(f"rows_per_file is {self.rows_per_file}; it must be at least 1.")
        if self.post_rate < 0:
            raise ValueError(f"post_rate is {self.post_rate}; it must not be negative.")
