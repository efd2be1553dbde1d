# SPDX-License-Identifier: Apache-2.0
"""Certificates of authorities. A TLS context is made once: reading blocks, and pooling needs the same object."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path

import certifi

from airflow_provider_cosinv.cos.settings import no_such_ca_file


def checked_path(roots: tuple[str, ...]) -> str | None:
    """
    Return the path of the certificates that count; None if certificates are not checked. This blocks.

    :param roots: as :class:`~.route.Route` has them
    :raises COSInventoryConfigurationError: if there are no certificates
    """
    if not roots:
        return None
    path = _first(roots)
    # Whatever says that it holds certificates is read once; certifi's own are there, and are many.
    if path != certifi.where():
        _context(roots)
    return path


async def tls_context(roots: tuple[str, ...]) -> ssl.SSLContext | bool:
    """
    Return what aiohttp takes as ``ssl``.

    :param roots: as :class:`~.route.Route` has them
    :raises COSInventoryConfigurationError: if there are no certificates
    """
    if not roots:
        return False
    # Made in a thread at the first request, looked up at each later one.
    return _contexts[roots] if roots in _contexts else await asyncio.to_thread(_context, roots)


_contexts: dict[tuple[str, ...], ssl.SSLContext] = {}
_lock = threading.Lock()


def _first(roots: tuple[str, ...]) -> str:
    return next((path for path in roots if Path(path).exists()), roots[-1])


def _context(roots: tuple[str, ...]) -> ssl.SSLContext:
    with _lock:
        if roots not in _contexts:
            path = _first(roots)
            try:
                is_folder = Path(path).is_dir()
                _contexts[roots] = ssl.create_default_context(
                    cafile=None if is_folder else path, capath=path if is_folder else None
                )
            except OSError as error:
                # Not there, not readable, or (an ssl.SSLError) not certificates.
                raise no_such_ca_file(path) from error
        return _contexts[roots]
