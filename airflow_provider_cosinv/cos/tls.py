# SPDX-License-Identifier: Apache-2.0
"""TLS contexts of the async half, each made once: reading CA certificates blocks, and pooling needs the same object."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from pathlib import Path

from airflow_provider_cosinv.cos.settings import no_such_ca_file


def ca_path(verify_ssl: bool | str) -> str | None:
    """Return the path of the CA certificates to use; a plain True leaves it to the environment, as requests does."""
    if isinstance(verify_ssl, str):
        return verify_ssl
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None


async def tls_context(verify_ssl: bool | str) -> ssl.SSLContext | bool:
    """
    Return what aiohttp takes as ``ssl``.

    :param verify_ssl: True, False, or the path of a file or folder of CA certificates
    :raises COSInventoryConfigurationError: where the path leads nowhere
    """
    if verify_ssl is False:
        return False
    path = ca_path(verify_ssl)
    if path is None:
        return True
    # Made in a thread at the first request, looked up at each later one.
    return _contexts[path] if path in _contexts else await asyncio.to_thread(_context, path)


_contexts: dict[str, ssl.SSLContext] = {}
_lock = threading.Lock()


def _context(path: str) -> ssl.SSLContext:
    with _lock:
        if path not in _contexts:
            try:
                is_folder = Path(path).is_dir()
                _contexts[path] = ssl.create_default_context(
                    cafile=None if is_folder else path, capath=path if is_folder else None
                )
            except OSError as error:
                # Not there, not readable, or (an ssl.SSLError) not certificates.
                raise no_such_ca_file(path) from error
        return _contexts[path]
