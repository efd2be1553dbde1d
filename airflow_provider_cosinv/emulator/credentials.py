# SPDX-License-Identifier: Apache-2.0
"""Who may call: secret ids, temporary tokens, and what each may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from airflow_provider_cosinv.emulator.errors import COSError

#: The credentials of a started emulator; no real account has them.
DEFAULT_SECRET_ID = "AKIDemulator0000000000000000000000000"  # noqa: S105  known to everyone, by design
DEFAULT_SECRET_KEY = "emulator-secret-key-00000000000"  # noqa: S105  known to everyone, by design


@dataclass(frozen=True)
class Permission:
    """
    Actions on buckets and objects; ``*`` and ``?`` are wildcards, the case of letters counts.

    :param action: such as ``cos:PostBucketInventory``, as in a policy of CAM (``name/`` in front is allowed)
    :param bucket: full name of a bucket
    :param key: of an object; an action on the bucket itself has none, which ``*`` alone covers
    """

    action: str = "cos:*"
    bucket: str = "*"
    key: str = "*"

    def covers(self, action: str, bucket: str, key: str = "") -> bool:
        """Return whether an action, such as ``cos:GetObject``, on a bucket, or an object in it, is meant."""
        asked = (action, bucket, key)
        allowed = (self.action.removeprefix("name/"), self.bucket, self.key)
        return all(fnmatchcase(value, pattern) for value, pattern in zip(asked, allowed, strict=True))


@dataclass(frozen=True)
class Credential:
    """
    One caller.

    :param secret_id: sent in the clear with each request
    :param secret_key: signs
    :param token: of a temporary credential, sent as ``x-cos-security-token``
    :param expires_at: when a temporary credential ends, Unix seconds
    :param allow: what the caller may do; all by default
    :param deny: what the caller may not do, whatever ``allow`` says
    """

    secret_id: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    allow: tuple[Permission, ...] = (Permission(),)
    deny: tuple[Permission, ...] = ()

    def check_token(self, token: str | None, *, now: float) -> None:
        """
        Check the token of a temporary credential.

        :raises COSError: ``InvalidAccessKeyId`` where it is missing or another one, ``ExpiredToken`` when it ended
        """
        if self.token is None:
            return
        if token != self.token:
            raise COSError("InvalidAccessKeyId")
        if self.expires_at is not None and now > self.expires_at:
            raise COSError("ExpiredToken")

    def may(self, action: str, bucket: str, key: str = "") -> bool:
        """Return whether the caller may do an action, such as ``cos:GetObject``, on a bucket, or an object in it."""
        if any(permission.covers(action, bucket, key) for permission in self.deny):
            return False
        return any(permission.covers(action, bucket, key) for permission in self.allow)


class Credentials:
    """The credentials that the emulator knows."""

    def __init__(self, known: Iterable[Credential] = ()) -> None:
        self._known: dict[str, Credential] = {one.secret_id: one for one in known}

    def add(self, credential: Credential) -> None:
        """Add a credential, or replace the one with the same secret id."""
        self._known[credential.secret_id] = credential

    def find(self, secret_id: str) -> Credential:
        """
        Return a credential.

        :raises COSError: ``InvalidAccessKeyId`` where it is not known
        """
        try:
            return self._known[secret_id]
        except KeyError:
            raise COSError("InvalidAccessKeyId") from None


def permissions(items: Iterable[str]) -> tuple[Permission, ...]:
    """
    Return permissions written as text.

    :param items: each an action, ``action on bucket`` or ``action on bucket/key``: ``cos:GetObject``,
        ``cos:* on logs-1250000000``, ``cos:GetObject on logs-1250000000/2026/*``
    """
    found = []
    for item in items:
        action, _, resource = item.partition(" on ")
        bucket, _, key = resource.strip().partition("/")
        found.append(Permission(action.strip(), bucket or "*", key or "*"))
    return tuple(found)
