# SPDX-License-Identifier: Apache-2.0
"""An Airflow connection becomes a client of COS inventory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.cos.bucket_check import check_bucket
from airflow_provider_cosinv.cos.reports import find_report, read_manifest, read_report
from airflow_provider_cosinv.exceptions import (
    COSInventoryError,
    COSInventoryNotFoundError,
    COSInventoryPermissionError,
    COSInventoryRequestError,
)
from airflow_provider_cosinv.get_provider_info import get_provider_info
from airflow_provider_cosinv.hooks.connection import bucket_to_check, looking_up, read_connection
from airflow_provider_cosinv.hooks.connection_check import check_connection
from airflow_provider_cosinv.hooks.lineage import was_read
from airflow_provider_cosinv.hooks.table_calls import TableCalls
from airflow_provider_cosinv.inventory.configuration import Destination, InventoryConfiguration
from airflow_provider_cosinv.inventory.report.manifest import DataFile, Manifest, as_manifest
from airflow_provider_cosinv.inventory.report.search import ReportSearch, Sighting
from airflow_provider_cosinv.inventory.rows.records import InventoryRecord
from airflow_provider_cosinv.processing.datasets import Dataset
from airflow_provider_cosinv.table.inflater import fastest_inflater

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_cosinv.cos.client import COSClient
    from airflow_provider_cosinv.cos.post_inventory import SubmissionJournal
    from airflow_provider_cosinv.cos.protocol.models import SubmittedInventory
    from airflow_provider_cosinv.cos.settings import ClientSettings


class COSInventoryHook(TableCalls):
    """
    Submits, manages and reads inventories of Tencent Cloud COS buckets.

    Nothing is looked up or connected to before the first call that needs it.

    :param cos_conn_id: the Airflow connection, of type ``cos``
    :param region: region of the buckets, such as ``ap-guangzhou``; default: the connection's
    """

    conn_name_attr = "cos_conn_id"
    default_conn_name = "cos_default"
    conn_type = "cos"
    hook_name = "Tencent Cloud COS"

    def __init__(self, *, cos_conn_id: str = default_conn_name, region: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cos_conn_id = cos_conn_id
        self.region = region
        self._clients: dict[str, tuple[ClientSettings, COSClient]] = {}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's standard fields for Airflow 3.1; later ones read the provider's description."""
        behaviour = _connection_type()["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in behaviour.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's own fields for Airflow 3.1; later ones read the provider's description."""
        from wtforms import BooleanField, IntegerField, PasswordField, StringField
        from wtforms.validators import Optional, any_of

        kinds = {"boolean": BooleanField, "integer": IntegerField, "password": PasswordField, "string": StringField}
        widgets = {}
        for name, field in _connection_type()["conn-fields"].items():
            schema = field["schema"]
            kind = kinds[schema.get("format", schema["type"][0])]
            widgets[name] = kind(
                label=field["label"],
                validators=[Optional(), *([any_of(schema["enum"])] if "enum" in schema else [])],
                description=field["description"],
                default=schema.get("default"),
            )
        return widgets

    @cached_property
    def settings(self) -> ClientSettings:
        """
        The connection, read and checked.

        :raises COSInventoryConfigurationError: where a field is missing or wrong
        :raises COSInventoryTransientError: where there is no connection, or Airflow cannot read it now
        """
        return self._settings_in(self.region)

    @cached_property
    def client(self) -> COSClient:
        """The client of COS; it keeps its connections, so use one hook for many calls."""
        return self._client_of(self.settings)

    def get_conn(self) -> COSClient:
        """Return the client of COS."""
        return self.client

    def renew(self) -> bool:
        """
        Read the connection again: temporary credentials end, and keys are replaced, while a wait goes on for hours.

        :returns: whether it has changed; the client is then a new one
        :raises COSInventoryTransientError: where there is none any more, or Airflow cannot read it now
        """
        settings = self._settings_in(self.region)
        changed = settings != self.settings
        if changed:
            self.__dict__["settings"] = settings
            self.__dict__.pop("client", None)
        return changed

    def _connection(self) -> Connection:
        with looking_up(self.cos_conn_id):
            return self.get_connection(self.cos_conn_id)

    def _settings_in(self, region: str | None) -> ClientSettings:
        return read_connection(self._connection(), region=region)

    def _client_of(self, settings: ClientSettings) -> COSClient:
        # The SDK takes 0.1 s and 22 MB: not for DAG files, which import this module through an operator's.
        from airflow_provider_cosinv.cos.client import COSClient

        known = self._clients.get(settings.region)
        if known is None or known[0] != settings:
            known = self._clients[settings.region] = (settings, COSClient(settings=settings))
        return known[1]

    def test_connection(self) -> tuple[bool, str]:
        """
        Say whether COS accepts the credentials: one request that lists buckets and reads nothing of them.

        Where the connection names a bucket, say also whether it is there: HEAD Bucket (436/7735).

        :returns: success, and a sentence for the person who pressed the button; it names the source of the
            credentials where the connection stores none
        """
        try:
            return check_connection(self.client, self.settings.credentials, bucket=bucket_to_check(self._connection()))
        except COSInventoryError as error:
            return False, str(error)

    def check_destination(self, destination: Destination) -> None:
        """
        Ask COS whether a report can go to a bucket: HEAD Bucket (436/7735).

        COS tells nobody when it cannot write a report, so it is worth asking before.

        :raises COSInventoryNotFoundError: where there is no such bucket in the region
        :raises COSInventoryConfigurationError: where it is in another region
        :raises COSInventoryPermissionError: where the caller may not ask
        """
        try:
            check_bucket(
                self.client,
                destination.bucket,
                region=destination.region,
                called="The destination bucket",
                parameter="destination_bucket",
                hint="COS writes a report only to a bucket of the source bucket's region, and tells nobody when it "
                "cannot. Correct the bucket or the region.",
            )
        except COSInventoryNotFoundError:
            raise
        except COSInventoryRequestError as error:
            raise self._explained(error) from error

    def _explained(self, error: COSInventoryRequestError) -> COSInventoryRequestError:
        # An answer to HEAD has no body, so no reason. A request that may have one tells a wrong key from a missing
        # permission.
        try:
            self.client.list_buckets()
        except COSInventoryPermissionError as reason:
            if reason.code is None:
                return error
            # Not the plain denial of this request: COS may put another reason into the message below AccessDenied.
            if "name/cos:GetService" not in (reason.hint or ""):
                return type(reason)(
                    f"The destination bucket cannot be asked for. Asked for the reason, COS says: {reason.message}",
                    **{**reason.details(), "bucket": error.bucket},
                )
        except COSInventoryError:
            return error
        if not isinstance(error, COSInventoryPermissionError):
            return error
        hint = "COS knows the credentials. Allow them name/cos:HeadBucket on this bucket, or set preflight=False."
        return COSInventoryPermissionError(error.message, **{**error.details(), "hint": hint})

    def submit_inventory(
        self, *, bucket: str, configuration: InventoryConfiguration, journal: SubmissionJournal | None = None
    ) -> SubmittedInventory:
        """
        Submit a one-time inventory: POST Bucket inventory (436/46869).

        Network faults and 5xx are retried with the same id, so that COS takes it once.

        :param bucket: full name of the source bucket
        :param configuration: what is asked for; its destination must be in the bucket's region
        :param journal: told before the first byte of the POST leaves: what it records then survives the process
        :raises COSInventoryConfigurationError: where the destination is in another region
        :raises COSInventoryDuplicateError: where the id was used before
        :raises COSInventoryError: where COS refuses or stays out of reach
        """
        asked = replace(configuration, source_region=self.settings.region)
        return self.client.post_bucket_inventory(bucket, asked, journal=journal)

    def put_rule(self, *, bucket: str, configuration: InventoryConfiguration) -> None:
        """
        Create or replace a periodic inventory: PUT Bucket inventory (436/30625).

        :param bucket: full name of the source bucket
        :param configuration: with a schedule
        :raises COSInventoryError: where COS refuses or stays out of reach
        """
        asked = replace(configuration, source_region=self.settings.region)
        self.client.put_bucket_inventory(bucket, asked)

    def get_rule(self, *, bucket: str, inventory_id: str) -> InventoryConfiguration | None:
        """
        Return a periodic inventory, None where there is none of this id: GET Bucket inventory (436/30623).

        :raises COSInventoryError: where COS refuses or stays out of reach
        """
        try:
            return self.client.get_bucket_inventory(bucket, inventory_id)
        except COSInventoryNotFoundError as error:
            if error.code == "NoSuchBucket":
                raise
            return None

    def list_rules(self, *, bucket: str) -> Iterator[InventoryConfiguration]:
        """
        Yield the bucket's periodic inventories, 100 a request: List Bucket inventory (436/30627).

        :raises COSInventoryError: where COS refuses or stays out of reach
        """
        return self.client.list_bucket_inventory(bucket)

    def delete_rule(self, *, bucket: str, inventory_id: str) -> None:
        """
        Delete a periodic inventory; one that does not exist is no error: DELETE Bucket inventory (436/30626).

        :raises COSInventoryError: where COS refuses or stays out of reach
        """
        self.client.delete_bucket_inventory(bucket, inventory_id)

    def find_report(self, search: ReportSearch, *, grace: float) -> Sighting:
        """
        Look once for a report.

        :param search: where and how
        :param grace: seconds that manifest and checksum may disagree, since their last change
        :raises COSInventoryCorruptReportError: where they disagree for longer
        :raises COSInventoryError: where COS refuses or stays out of reach; a forbidden report is not an absent one
        """
        return find_report(self.client, search, grace=grace)

    def read_manifest(self, *, bucket: str, manifest_key: str, checksum: str) -> Manifest:
        """
        Return a manifest, verified.

        :param bucket: full name of the bucket it lies in
        :param manifest_key: its key
        :param checksum: its MD5, 32 hex digits
        :raises COSInventoryConfigurationError: where ``checksum`` is no MD5
        :raises COSInventoryCorruptReportError: where it is not what its checksum says
        """
        manifest = read_manifest(
            self.client, bucket=bucket, region=self.settings.region, key=manifest_key, md5=checksum
        )
        was_read(self, Dataset.of_report(manifest))
        return manifest

    def iter_records(
        self,
        manifest: Manifest | Mapping[str, Any],
        files: Iterable[DataFile | Mapping[str, Any]] | None = None,
    ) -> Iterator[InventoryRecord]:
        """
        Yield the rows of a report, each file's size, MD5, gzip and schema checked while it streams.

        Memory does not grow with the report. An error comes at the latest with the last row of a broken file: what
        you write from the rows, publish when the iteration has ended. The whole report must have as many rows as
        its manifest says.

        :param manifest: the output of a COSInventorySensor, or a :class:`Manifest`
        :param files: a part of the manifest's files, such as one batch; default: all
        :raises COSInventoryCorruptReportError: with bucket, key and line
        """
        report = as_manifest(manifest)
        was_read(self, Dataset.of_report(report))
        return read_report(self.client_in(report.region), report, files, inflater=fastest_inflater())

    def client_in(self, region: str) -> COSClient:
        """
        Return the client of COS of a region: a manifest knows its own, so a hook that only reads need not be told.

        :param region: such as ``ap-guangzhou``
        """
        return self._client_of(self._settings_in(region))


def _connection_type() -> dict[str, Any]:
    found: dict[str, Any] = get_provider_info()["connection-types"][0]
    return found
