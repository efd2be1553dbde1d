# SPDX-License-Identifier: Apache-2.0
"""
Keeps the loggers of the libraries from printing secrets, and foreign text as it came.

At DEBUG the SDK logs the signing key, the Authorization header and the session token; at ERROR it logs a traceback
for every network fault, which our own errors tell already. urllib3 warns of header lines that it cannot read with all
of them, and names URLs, whose keys are percent-encoded. Nothing here depends on the level that anyone sets.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from airflow_provider_cosinv.exceptions import shown

_SDK = "qcloud_cos"
_own_request: ContextVar[bool] = ContextVar("cosinv_own_request", default=False)


class SDKLogFilter(logging.Filter):
    """Drops every DEBUG record, and every record while a request of this package is under way."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record may be handled."""
        return record.levelno > logging.DEBUG and not _own_request.get()


class ForeignTextFilter(logging.Filter):
    """Makes one bounded line of each record while a request of this package is under way."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True: the record is handled, without a traceback."""
        if _own_request.get():
            record.msg, record.args = shown(record.getMessage()), ()
            record.exc_info = record.exc_text = None
        return True


_FILTER = SDKLogFilter()
_FOREIGN_TEXT_FILTER = ForeignTextFilter()


def silence_sdk() -> None:
    """
    Put the filter on each logger of the SDK; call it after the SDK was imported.

    A filter on a parent logger does not see its children's records, so each module's logger gets it.
    """
    for name in list(sys.modules):
        if name == _SDK or name.startswith(f"{_SDK}."):
            silence_logger(name)


def silence_logger(name: str) -> None:
    """Put the filter on one logger, such as that of Tencent's library for credentials."""
    # A logger has one filter once, however often it is added.
    logging.getLogger(name).addFilter(_FILTER)


def bound_logger(name: str) -> None:
    """Put the filter for foreign text on one logger, such as that of an HTTP library."""
    logging.getLogger(name).addFilter(_FOREIGN_TEXT_FILTER)


@contextmanager
def own_request() -> Iterator[None]:
    """Mark a request of this package: until it is over, the SDK stays silent, and urllib3 brief."""
    token = _own_request.set(True)
    try:
        yield
    finally:
        _own_request.reset(token)
