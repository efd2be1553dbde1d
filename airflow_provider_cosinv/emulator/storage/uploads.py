# SPDX-License-Identifier: Apache-2.0
"""Multipart uploads that were begun and neither completed nor aborted."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from threading import Lock

from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.http import ReceivedBody
from airflow_provider_cosinv.emulator.storage.objects import ObjectVersion


@dataclass(frozen=True)
class Upload:
    """
    One upload.

    :param bucket: full name
    :param facts: of the object to be, without its bytes
    :param parts: by number; what comes later under the same number replaces what was there
    """

    bucket: str
    facts: ObjectVersion
    parts: dict[int, ReceivedBody] = field(default_factory=dict)


class Uploads:
    """The uploads by id; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._uploads: dict[str, Upload] = {}

    def begin(self, upload: Upload) -> str:
        """Add an upload; return its id."""
        # COS's own look like 1585130821cbb7df1d11846c073ad648e8f33b087cec2381df437acdc833cf654b9ecc6361.
        upload_id = secrets.token_hex(37)
        with self._lock:
            self._uploads[upload_id] = upload
        return upload_id

    def find(self, upload_id: str, *, bucket: str, key: str) -> Upload:
        """
        Return an upload.

        :raises COSError: ``NoSuchUpload``, also where it is that of another object
        """
        upload = self._uploads.get(upload_id)
        if upload is None or (upload.bucket, upload.facts.key) != (bucket, key):
            raise COSError("NoSuchUpload")
        return upload

    def end(self, upload_id: str) -> None:
        """
        Forget an upload.

        :raises COSError: ``NoSuchUpload``
        """
        with self._lock:
            if self._uploads.pop(upload_id, None) is None:
                raise COSError("NoSuchUpload")

    def of(self, bucket: str) -> list[Upload]:
        """Return the uploads of a bucket, oldest first."""
        with self._lock:
            return [upload for upload in self._uploads.values() if upload.bucket == bucket]
