# SPDX-License-Identifier: Apache-2.0
"""The manifest of a report: ``manifest.json`` (436/30622)."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted

# Airflow maps over at most [core] max_map_length, 1,024 by default.
_MAX_BATCHES = 64


class DataFileDict(TypedDict):
    """One data file as JSON-able data."""

    key: str
    size: int
    md5: str


@dataclass(frozen=True, slots=True)
class DataFile:
    """
    One data file of a report.

    :param key: its key in the destination bucket
    :param size: bytes as stored, compressed
    :param md5: 32 hex digits, of the bytes as stored
    """

    key: str
    size: int
    md5: str

    def as_dict(self) -> DataFileDict:
        """Return the file as JSON-able data."""
        return {"key": self.key, "size": self.size, "md5": self.md5}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """
    What a report says of itself.

    :param bucket: full name of the destination bucket, which holds manifest and data files
    :param region: of both buckets
    :param source_bucket: full name of the bucket that was listed
    :param manifest_key: the manifest's own key
    :param checksum: MD5 of the manifest, 32 hex digits
    :param columns: names, in the order of the data files' columns
    :param listed_objects: objects that COS went through, which it bills; None in a manifest of the first generation
    :param listed_bytes: their size
    :param matched_objects: objects that passed the filter, which are the rows of the report
    :param matched_bytes: their size
    :param files: the data files; none where nothing matched
    """

    bucket: str
    region: str
    source_bucket: str
    manifest_key: str
    checksum: str
    columns: tuple[str, ...]
    listed_objects: int | None
    listed_bytes: int | None
    matched_objects: int | None
    matched_bytes: int | None
    files: tuple[DataFile, ...] = field(repr=False)

    @property
    def inventory_folder(self) -> str:
        """The prefix of all reports of the inventory, without slash at its end."""
        return self.manifest_key.rsplit("/", 2)[0]

    @property
    def inventory_id(self) -> str:
        """The inventory's id, which is a segment of the manifest's key (436/30622)."""
        return ("", "", *self.manifest_key.split("/"))[-3]

    @property
    def date(self) -> str:
        """The report's date, ``YYYYMMDD``: the last folder of the manifest's key."""
        return ("", *self.manifest_key.split("/"))[-2]

    def as_dict(self) -> dict[str, Any]:
        """Return the manifest as JSON-able data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**data, "columns": list(self.columns), "files": [file.as_dict() for file in self.files]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Manifest:
        """
        Return the manifest that :meth:`as_dict` wrote; unknown keys are ignored.

        :raises COSInventoryConfigurationError: where a key is missing or not of its type
        """
        if not isinstance(data, Mapping):
            raise _no_manifest(f"{quoted(data)} is not a manifest.")
        for name in cls.__dataclass_fields__:
            if name not in data:
                raise _no_manifest(f"The manifest has no {name}.")
        try:
            values = {name: data[name] for name in cls.__dataclass_fields__}
            for name in ("bucket", "region", "source_bucket", "manifest_key", "checksum"):
                _expect(values[name], str, name)
            for name in ("listed_objects", "listed_bytes", "matched_objects", "matched_bytes"):
                _expect(values[name], (int, type(None)), name)
            values["columns"] = tuple(
                _expect(name, str, "columns") for name in _expect(data["columns"], (list, tuple), "columns")
            )
            values["files"] = tuple(as_data_file(file) for file in _expect(data["files"], (list, tuple), "files"))
        except TypeError as error:
            raise _no_manifest(f"This is not a manifest: {error}.") from error
        return cls(**values)

    def batches(self, *, at_most: int = _MAX_BATCHES) -> list[list[DataFileDict]]:
        """
        Cut the data files into batches of about equal bytes, as JSON-able data to map tasks over.

        :param at_most: batches; fewer where there are fewer files, none where there is no file
        :raises COSInventoryConfigurationError: where ``at_most`` is not positive
        """
        if at_most < 1:
            raise COSInventoryConfigurationError(f"{at_most} batches hold nothing.", parameter="at_most")
        batches: list[list[DataFileDict]] = [[] for _ in range(min(at_most, len(self.files)))]
        # Bytes, then files: empty files would all go to one batch.
        lightest = [(0, 0, number) for number in range(len(batches))]
        for file in sorted(self.files, key=lambda file: (-file.size, file.key)):
            size, files, number = lightest[0]
            batches[number].append(file.as_dict())
            heapq.heapreplace(lightest, (size + file.size, files + 1, number))
        return batches


class Counts(Protocol):
    """What COS counted for a report, as its manifest or a part of it says."""

    @property
    def listed_objects(self) -> int | None:
        """Objects that COS went through; None if that is not known."""

    @property
    def matched_objects(self) -> int | None:
        """Objects that passed the filter; None if that is not known."""


def filter_warnings(report: Counts, *, name: str = "inventory") -> tuple[str, ...]:
    """
    Return a sentence if the filter of an inventory matched nothing: a result of no rows does not say so.

    :param report: of the inventory
    :param name: of the inventory in the sentence
    """
    if report.matched_objects != 0 or not report.listed_objects:
        return ()
    sentence = (
        f"The {name}'s filter matched none of the {report.listed_objects:,} objects that COS listed: check its prefix, "
        "tags, storage classes and dates."
    )
    return (sentence,)


def _no_manifest(message: str) -> COSInventoryConfigurationError:
    return COSInventoryConfigurationError(
        message,
        parameter="manifest",
        hint='Pass the output of a COSInventorySensor, or output["manifest"] of a COSInventoryOperator that waits.',
    )


def _expect(value: Any, kind: type | tuple[type, ...], name: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name} is {quoted(value)}")
    return value


def as_data_file(file: DataFile | Mapping[str, Any]) -> DataFile:
    """
    Return a data file, given one or its JSON-able data.

    :raises COSInventoryConfigurationError: where a key is missing or not of its type
    """
    if isinstance(file, DataFile):
        return file
    try:
        return DataFile(
            key=_expect(file["key"], str, "key"),
            size=_expect(file["size"], int, "size"),
            md5=_expect(file["md5"], str, "md5"),
        )
    except (KeyError, TypeError) as error:
        raise COSInventoryConfigurationError(
            f"{quoted(file)} is not a data file.",
            parameter="files",
            hint='A file reads {"key": …, "size": …, "md5": …}.',
        ) from error


def as_manifest(manifest: Manifest | Mapping[str, Any]) -> Manifest:
    """
    Return a manifest, given one or its JSON-able data.

    :raises COSInventoryConfigurationError: where a key is missing or not of its type
    """
    return manifest if isinstance(manifest, Manifest) else Manifest.from_dict(manifest)
