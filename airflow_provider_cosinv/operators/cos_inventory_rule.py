# SPDX-License-Identifier: Apache-2.0
"""Sets up and takes away periodic inventories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_cosinv.exceptions import shown
from airflow_provider_cosinv.hooks.airflow_errors import failing_fast
from airflow_provider_cosinv.hooks.cos_inventory import COSInventoryHook
from airflow_provider_cosinv.hooks.templates import TextFields
from airflow_provider_cosinv.inventory.configuration import Schedule
from airflow_provider_cosinv.inventory.names import BucketName, check_inventory_id
from airflow_provider_cosinv.inventory.report.layout import report_prefixes
from airflow_provider_cosinv.operators._inventory_parameters import INVENTORY_FIELDS, build_configuration

if TYPE_CHECKING:
    from airflow.sdk import Context


class COSInventoryRuleOperator(TextFields):
    """
    Creates or replaces a periodic inventory: PUT Bucket inventory (436/30625). Running it again changes nothing.

    Its reports are waited for with ``COSInventorySensor(bucket=…, inventory_id=…)``.

    :param bucket: full name of the source bucket, ``name-APPID`` (templated)
    :param inventory_id: id of the inventory (templated)
    :param frequency: ``Daily``, ``Weekly`` or ``Monthly`` (templated)
    :param monthly_date: day of the month, 1 to 31, with ``Monthly``
    :param is_enabled: False keeps the rule and stops its reports
    :param destination_bucket: full name of the bucket for the reports, in the same region; default: ``bucket``
        (templated)
    :param destination_prefix: prefix of the reports' keys (templated)
    :param prefix: list only keys that begin with it (templated)
    :param tags: list only objects with all of these tags; needs the field ``Tag`` (templated: JSON)
    :param storage_classes: list only objects of these classes (templated: JSON)
    :param created_after: list only objects created at or after it: an aware time or ISO 8601 text (templated)
    :param created_before: list only objects created before it (templated)
    :param included_object_versions: ``Current`` or ``All`` (templated)
    :param optional_fields: columns beside Appid, Bucket and Key; default: every standard one (templated: JSON)
    :param encryption: None or ``SSE-COS`` (templated)
    :param account_id: UIN of the destination bucket's owner; COS does not require it (templated)
    :param preflight: ask COS for the destination bucket first; COS tells nobody when it cannot write there
    :param cos_conn_id: the Airflow connection, of type ``cos`` (templated)
    :param region: of both buckets; default: the connection's (templated)
    """

    template_fields: Sequence[str] = (
        *INVENTORY_FIELDS,
        "inventory_id",
        "frequency",
        "cos_conn_id",
        "region",
    )
    template_fields_renderers = {  # noqa: RUF012  Airflow declares it so
        "tags": "json",
        "storage_classes": "json",
        "optional_fields": "json",
    }
    ui_color = "#d7e8ff"

    def __init__(
        self,
        *,
        bucket: str,
        inventory_id: str,
        frequency: str,
        monthly_date: int | None = None,
        is_enabled: bool = True,
        destination_bucket: str | None = None,
        destination_prefix: str | None = None,
        prefix: str | None = None,
        tags: Mapping[str, str] | str | None = None,
        storage_classes: Sequence[str] | str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        included_object_versions: str = "Current",
        optional_fields: Sequence[str] | str | None = None,
        encryption: str | None = None,
        account_id: str | None = None,
        preflight: bool = True,
        cos_conn_id: str = "cos_default",
        region: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.inventory_id = inventory_id
        self.frequency = frequency
        self.monthly_date = monthly_date
        self.is_enabled = is_enabled
        self.destination_bucket = destination_bucket
        self.destination_prefix = destination_prefix
        self.prefix = prefix
        self.tags = tags
        self.storage_classes = storage_classes
        self.created_after = created_after
        self.created_before = created_before
        self.included_object_versions = included_object_versions
        self.optional_fields = optional_fields
        self.encryption = encryption
        self.account_id = account_id
        self.preflight = preflight
        self.cos_conn_id = cos_conn_id
        self.region = region

    @cached_property
    def hook(self) -> COSInventoryHook:
        """The hook, in the region of the buckets."""
        return COSInventoryHook(cos_conn_id=self.cos_conn_id, region=self.region)

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002  Airflow's signature
        """
        Put the rule.

        :returns: ``bucket``, ``inventory_id``, ``region``, ``destination_bucket`` and ``report_prefix``
        :raises AirflowFailException: a wrong parameter or a refusal by COS, which no retry heals
        """
        with failing_fast():
            configuration = build_configuration(
                self,
                inventory_id=self.inventory_id,
                schedule=Schedule(frequency=self.frequency, monthly_date=self.monthly_date),
                is_enabled=self.is_enabled,
            )
            if self.preflight:
                self.hook.check_destination(configuration.destination)
            self.hook.put_rule(bucket=self.bucket, configuration=configuration)
        destination = configuration.destination
        prefix = report_prefixes(destination.prefix, self.bucket, self.inventory_id)[0]
        self.log.info(
            "Periodic inventory %s of cos://%s is set: reports below cos://%s/%s/",
            self.inventory_id,
            self.bucket,
            destination.bucket,
            shown(prefix),
        )
        return {
            "bucket": self.bucket,
            "inventory_id": self.inventory_id,
            "region": destination.region,
            "destination_bucket": destination.bucket,
            "report_prefix": prefix,
        }


class COSInventoryDeleteRuleOperator(TextFields):
    """
    Deletes a periodic inventory: DELETE Bucket inventory (436/30626). One that does not exist is no error.

    :param bucket: full name of the source bucket, ``name-APPID`` (templated)
    :param inventory_id: id of the inventory (templated)
    :param cos_conn_id: the Airflow connection, of type ``cos`` (templated)
    :param region: of the bucket; default: the connection's (templated)
    """

    template_fields: Sequence[str] = ("bucket", "inventory_id", "cos_conn_id", "region")
    ui_color = "#d7e8ff"

    def __init__(
        self,
        *,
        bucket: str,
        inventory_id: str,
        cos_conn_id: str = "cos_default",
        region: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.inventory_id = inventory_id
        self.cos_conn_id = cos_conn_id
        self.region = region

    def execute(self, context: Context) -> None:  # noqa: ARG002  Airflow's signature
        """
        Delete the rule.

        :raises AirflowFailException: a wrong parameter or a refusal by COS, which no retry heals
        """
        with failing_fast():
            BucketName.parse(self.bucket)
            hook = COSInventoryHook(cos_conn_id=self.cos_conn_id, region=self.region)
            hook.delete_rule(bucket=self.bucket, inventory_id=check_inventory_id(self.inventory_id))
        self.log.info("Periodic inventory %s of cos://%s is deleted", self.inventory_id, self.bucket)
