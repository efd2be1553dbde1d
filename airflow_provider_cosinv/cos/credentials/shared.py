# SPDX-License-Identifier: Apache-2.0
"""
The credentials to sign with now: those that are stored, or those that their source issued, renewed in time.

A process has one set per source, however many waits use it. It is renewed in a thread of its own, because the
libraries that ask block; who needs it waits for that thread for a limited time, in the event loop without blocking it.
While what was issued still holds, nobody waits: the thread works beside them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import Future, wait
from copy import copy
from functools import lru_cache
from typing import TypeGuard

from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.credentials.provider import PARAMETER, CredentialSource, Issued
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryError,
    COSInventoryTransientError,
)

log = logging.getLogger(__name__)

#: Seconds before a source that failed is asked again: many waits may need it at once.
PAUSE = 1.0


def credentials_of(source: Credentials | CredentialSource) -> Credentials:
    """
    Return the credentials to sign with now; this may wait for their source.

    :raises COSInventoryTransientError: where the source cannot be reached for now
    :raises COSInventoryError: where it refuses; the error names it
    """
    return source if isinstance(source, Credentials) else _shared(source).current()


async def credentials_at_hand(source: Credentials | CredentialSource) -> Credentials:
    """
    Return the credentials to sign with now, without blocking the event loop.

    :raises COSInventoryTransientError: where the source cannot be reached for now
    :raises COSInventoryError: where it refuses; the error names it
    """
    return source if isinstance(source, Credentials) else await _shared(source).awaited()


class SharedCredentials:
    """
    What one source issued, for all who ask. Threads and event loops may share it.

    :param source: of the credentials
    """

    def __init__(self, *, source: CredentialSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._issued: Issued | None = None
        self._renewal: Future[Issued] | None = None
        self._ask_again = 0.0
        self._is_failing = False

    def current(self) -> Credentials:
        """Return credentials that hold; wait for the source where there are none."""
        issued = self._issued
        if not self._holds(issued):
            renewal = self._renewal_of(issued)
            wait([renewal], timeout=self._source.timeout)
            issued = self._outcome(renewal)
        return issued.credentials

    async def awaited(self) -> Credentials:
        """Return the same in an event loop."""
        issued = self._issued
        if not self._holds(issued):
            renewal = self._renewal_of(issued)
            waiter = asyncio.wrap_future(renewal)
            # It is read from the renewal; unread here, asyncio would log it.
            waiter.add_done_callback(lambda done: None if done.cancelled() else done.exception())
            await asyncio.wait([waiter], timeout=self._source.timeout)
            issued = self._outcome(renewal)
        return issued.credentials

    def _holds(self, issued: Issued | None) -> TypeGuard[Issued]:
        now = time.time()
        if issued is None or not issued.is_usable(now):
            return False
        if not issued.is_fresh(now):
            self._renewal_of(issued)
        return True

    def _renewal_of(self, issued: Issued | None) -> Future[Issued]:
        """
        Return the renewal that is under way, or the failure of a moment ago; else begin one.

        :param issued: what is to be renewed; where others came in its place meanwhile, their renewal is returned
        """
        with self._lock:
            is_due = issued is self._issued and time.monotonic() >= self._ask_again
            if self._renewal is None or is_due:
                self._renewal = Future()
                # A running one cannot be cancelled by one of the many who wait for it.
                self._renewal.set_running_or_notify_cancel()
                # One that does not end, as in a process that was forked meanwhile, is given up.
                self._ask_again = time.monotonic() + 2 * self._source.timeout
                threading.Thread(
                    target=self._renew,
                    args=(self._renewal,),
                    name=f"cos-inventory-credentials-{self._source.kind}",
                    daemon=True,
                ).start()
            return self._renewal

    def _renew(self, renewal: Future[Issued]) -> None:
        try:
            issued = _issue(self._source)
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait shall have it
            self._ask_again = time.monotonic() + PAUSE
            self._tell_failure(error)
            renewal.set_exception(error)
        else:
            with self._lock:
                self._issued = issued
                self._ask_again = 0.0
            self._is_failing = False
            renewal.set_result(issued)

    def _tell_failure(self, error: Exception) -> None:
        # Those who wait raise it; where nobody has to, it is told once.
        if not self._is_failing and self._issued is not None and self._issued.is_usable(time.time()):
            log.warning("Credentials could not be renewed, and end soon: %s", error)
        self._is_failing = True

    def _outcome(self, renewal: Future[Issued]) -> Issued:
        if not renewal.done():
            raise COSInventoryTransientError(
                f"The source of the connection's credentials, {self._source}, gave no answer within "
                f"{self._source.timeout:g} seconds.",
                parameter=PARAMETER,
                hint=self._source.what_to_do,
            )
        error = renewal.exception()
        # A copy: one error raised by many would collect the traceback of each.
        if isinstance(error, COSInventoryError):
            raise copy(error)
        return renewal.result()


def _issue(source: CredentialSource) -> Issued:
    try:
        from airflow_provider_cosinv.cos.credentials import cam
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "tencentcloud":
            raise
        raise COSInventoryConfigurationError(
            f"The package tencentcloud-sdk-python-common is not installed, which credential {source.kind} needs.",
            parameter=PARAMETER,
            hint="Type: pip install 'airflow-provider-cosinv[cam]'",
        ) from None
    return cam.issue(source, caller=None if source.caller is None else credentials_of(source.caller))


_lock = threading.Lock()


@lru_cache(maxsize=256)
def _made(source: CredentialSource) -> SharedCredentials:
    return SharedCredentials(source=source)


def _shared(source: CredentialSource) -> SharedCredentials:
    # Two threads that ask for the first time must get the same.
    with _lock:
        return _made(source)


def forget_credentials() -> None:
    """Forget what every source issued: the next request asks anew."""
    with _lock:
        _made.cache_clear()
