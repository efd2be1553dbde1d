# SPDX-License-Identifier: Apache-2.0
"""
The class of paths that universal_pathlib makes for ``cos://``.

``ObjectStoragePath`` of Airflow 3.2 and later refuses a scheme that universal_pathlib does not know. An entry point of
this package names the class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fsspec.utils import stringify_path  # type: ignore[import-untyped]
from upath.implementations.cloud import CloudPath

from airflow_provider_cosinv.fs.cos import get_fs
from airflow_provider_cosinv.processing.cos_files import COSFileSystem

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]


class COSParser:
    """How a path is cut and joined: at slashes alone, because a key may hold any character."""

    sep = "/"
    altsep: str | None = None

    def strip_protocol(self, path: Any) -> str:
        """Return ``bucket/key``."""
        return str(COSFileSystem._strip_protocol(self._text(path)))  # noqa: SLF001  fsspec's hook

    def split(self, path: Any) -> tuple[str, str]:
        """Return the folder of a path, and its last name."""
        folder, _, name = self.strip_protocol(path).rpartition("/")
        return (folder, name) if folder else (name, "")

    def splitdrive(self, path: Any) -> tuple[str, str]:
        """Return the bucket, and the rest."""
        bucket, slash, key = self.strip_protocol(path).partition("/")
        return bucket, slash + key

    def splitroot(self, path: Any) -> tuple[str, str, str]:
        """Return the bucket, the slash, and the key."""
        bucket, rest = self.splitdrive(path)
        return bucket, "/", rest.removeprefix("/")

    def splitext(self, path: Any) -> tuple[str, str]:
        """Return a path without its suffix, and the suffix."""
        text = self._text(path)
        stem, dot, suffix = text.rpartition(".")
        return (stem, dot + suffix) if stem and "/" not in suffix else (text, "")

    def join(self, path: Any, *paths: Any) -> str:
        """Return the paths, one below the other."""
        return "/".join([self.strip_protocol(path), *map(self._text, paths)])

    def isabs(self, path: Any) -> bool:
        """Return whether a path begins with a bucket."""
        return bool(self.strip_protocol(path))

    def normcase(self, path: Any) -> str:
        """Return a path as it is."""
        return self._text(path)

    def _text(self, path: Any) -> str:
        return str(getattr(path, "path", None) or stringify_path(path))


class COSPath(CloudPath):
    """A path of ``cos://``; without a connection it uses ``cos_default``."""

    __slots__ = ()

    parser = COSParser()

    @classmethod
    def _fs_factory(cls, urlpath: str, protocol: str, storage_options: Mapping[str, Any]) -> AbstractFileSystem:  # noqa: ARG003  universal_pathlib's signature
        options = dict(storage_options)
        return get_fs(options.pop("conn_id", None), options)

    def write_text(
        self, data: str, encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> int:
        """Write text to the object, whole or not at all: text that cannot be encoded writes nothing."""
        with self.open("w", encoding=encoding, errors=errors, newline=newline) as file:
            return int(file.write(data))
