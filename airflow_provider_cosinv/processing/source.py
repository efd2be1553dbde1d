# SPDX-License-Identifier: Apache-2.0
"""Which rows a table shall have: a report, some of its data files, or the Parquet parts that were made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryError, quoted
from airflow_provider_cosinv.inventory.report.manifest import DataFile, Manifest, as_data_file, as_manifest
from airflow_provider_cosinv.inventory.text import check_text
from airflow_provider_cosinv.processing.datasets import Dataset, parts_datasets

#: A manifest, or what a COSInventorySensor returns.
ManifestLike: TypeAlias = Manifest | Mapping[str, Any]
#: Data files of a manifest, as ``Manifest.batches`` makes them.
Batch: TypeAlias = Iterable[DataFile | Mapping[str, Any]]
#: Parquet parts of one report: paths, or what COSInventoryToParquetOperator returns.
Parts: TypeAlias = Iterable[str | Mapping[str, Any]] | str | Mapping[str, Any]

_A_MANIFEST = "a manifest, such as the output of a COSInventorySensor; or "


@dataclass(frozen=True)
class ReportSource:
    """
    A report, or some of its data files.

    :param report: the manifest
    :param files: that are meant, each of them the manifest's; None where all are, so that their rows are counted
    """

    report: Manifest
    files: tuple[DataFile, ...] | None

    @classmethod
    def of(cls, manifest: ManifestLike, batch: Batch | None = None) -> ReportSource:
        """
        Check what is given.

        :param batch: None is the whole report, an empty one is nothing of it
        :raises COSInventoryConfigurationError: where the batch is not of this report, or names a file twice
        """
        report = as_manifest(manifest)
        if batch is None:
            return cls(report, None)
        if isinstance(batch, (str, Mapping)) or not isinstance(batch, Iterable):
            raise COSInventoryConfigurationError(
                f"{quoted(batch)} is not a list of data files.",
                parameter="batch",
                hint="Pass one of Manifest.batches().",
            )
        files = tuple(as_data_file(file) for file in batch)
        known = frozenset(report.files)
        for file in files:
            if file not in known:
                raise COSInventoryConfigurationError(
                    "The batch holds a data file that is not the manifest's.",
                    parameter="batch",
                    bucket=report.bucket,
                    key=file.key,
                    hint="Cut the batches of the manifest that is passed beside them.",
                )
        if len(frozenset(files)) < len(files):
            raise COSInventoryConfigurationError(
                "The batch names a data file twice.", parameter="batch", bucket=report.bucket, key=report.manifest_key
            )
        return cls(report, None if len(files) == len(report.files) else files)

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """What is read, for lineage."""
        return (Dataset.of_report(self.report),)

    @property
    def chosen(self) -> tuple[DataFile, ...]:
        """The data files that are meant."""
        return self.report.files if self.files is None else self.files


@dataclass(frozen=True)
class PartsSource:
    """
    The Parquet parts of one report.

    :param paths: ``cos://bucket/key`` or local ones
    """

    paths: tuple[str, ...]

    @classmethod
    def of(cls, parts: Parts, *, parameter: str = "parts") -> PartsSource:
        """
        Check what is given.

        :param parameter: that gave it
        :raises COSInventoryConfigurationError: where it is neither paths nor what tells them
        """
        given: Iterable[Any] = [parts] if isinstance(parts, (str, Mapping)) else parts
        paths = []
        try:
            for part in given:
                path = part["path"] if isinstance(part, Mapping) else part
                if not isinstance(path, str) or not path:
                    raise TypeError(path)
                paths.append(check_text(path, parameter))
        except (KeyError, TypeError):
            # Where another parameter gave them, as a side of a diff, a manifest is right, too.
            is_parts = parameter == "parts"
            raise COSInventoryConfigurationError(
                f"{quoted(parts)} are not parts of a report." if is_parts else f"{quoted(parts)} is not a report.",
                parameter=parameter,
                hint=f"Pass {'' if is_parts else _A_MANIFEST}the output of COSInventoryToParquetOperator, or the paths "
                "of what it wrote.",
            ) from None
        return cls(tuple(paths))

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """What is read, for lineage."""
        return parts_datasets(self.paths)


@contextmanager
def naming(parameter: str, *, instead_of: str | None = None) -> Iterator[None]:
    """
    Let an error that names a parameter name it as the caller does.

    :param parameter: the caller's name
    :param instead_of: the name that is replaced; None is any
    """
    try:
        yield
    except COSInventoryError as error:
        if error.parameter is None or instead_of not in (None, error.parameter):
            raise
        raise type(error)(error.message, **{**error.details(), "parameter": parameter}) from error


def one_source(manifest: ManifestLike | None, batch: Batch | None, parts: Parts | None) -> ReportSource | PartsSource:
    """
    Return the one source that is given.

    :raises COSInventoryConfigurationError: where none is, or two are
    """
    if manifest is not None and parts is None:
        return ReportSource.of(manifest, batch)
    if parts is None or manifest is not None:
        raise COSInventoryConfigurationError(
            "Neither manifest nor parts is given." if parts is None else "Both manifest and parts are given.",
            parameter="manifest, parts",
            hint="Give one of them: manifest reads the report itself, parts what COSInventoryToParquetOperator wrote.",
        )
    if batch is not None:
        raise COSInventoryConfigurationError(
            "A batch is given beside parts.", parameter="batch", hint="A batch is one of a manifest's data files."
        )
    return PartsSource.of(parts)
