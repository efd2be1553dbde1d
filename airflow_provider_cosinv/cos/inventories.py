# SPDX-License-Identifier: Apache-2.0
"""The five inventory calls."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from airflow_provider_cosinv.cos.post_inventory import PostInventory, SubmissionJournal
from airflow_provider_cosinv.cos.protocol import operations
from airflow_provider_cosinv.cos.protocol.listing import next_token
from airflow_provider_cosinv.cos.protocol.models import SubmittedInventory
from airflow_provider_cosinv.cos.protocol.operations import COSRequest, Operation
from airflow_provider_cosinv.cos.protocol.responses import BODY_LIMIT, PAGE_LIMIT, Answer, details_of, unusable_page
from airflow_provider_cosinv.cos.retrying import Caller
from airflow_provider_cosinv.cos.session import UnrecordedError
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryError,
    COSInventoryNotFoundError,
    COSInventoryRequestError,
)
from airflow_provider_cosinv.inventory.configuration import InventoryConfiguration
from airflow_provider_cosinv.inventory.configuration_xml import post_body, put_body, read_configuration
from airflow_provider_cosinv.inventory.names import check_inventory_id

_NOT_FOUND = "InventoryConfigurationNotFoundError"


class InventoryCalls(Caller):
    """One-time and periodic inventories of buckets."""

    def post_bucket_inventory(
        self, bucket: str, configuration: InventoryConfiguration, *, journal: SubmissionJournal | None = None
    ) -> SubmittedInventory:
        """
        Submit a one-time inventory, which starts at once (436/46869).

        Needs ``name/cos:PostBucketInventory`` on the source and ``name/cos:PutObject`` on the destination bucket. A
        request that got no answer is sent again with the same id. Where COS then says that the id exists, it had
        accepted the first one.

        :param bucket: full name of the bucket to list
        :param configuration: what the inventory contains and where it goes
        :param journal: told before the first byte of a try leaves; what it raises then ends the call, and nothing is
            sent
        :return: the job; ``job_id`` is None where COS accepted it without a readable JobId
        :raises COSInventoryDuplicateError: where the id was used before this call
        :raises COSInventoryUnansweredError: where no try was answered, and COS may have accepted one
        """
        submission = PostInventory(
            transport=self._transport,
            request=_request(operations.POST_INVENTORY, bucket, configuration.inventory_id, post_body(configuration)),
            region=self._settings.region,
            journal=journal,
        )
        try:
            return self._retrying(submission.attempt)
        except UnrecordedError as failed:
            if failed.__cause__ is None:
                raise
            raise failed.__cause__ from failed.__cause__.__cause__
        except COSInventoryError as error:
            if not submission.may_have_arrived:
                raise
            raise submission.in_doubt(error) from error

    def put_bucket_inventory(self, bucket: str, configuration: InventoryConfiguration) -> None:
        """
        Create or replace a periodic inventory (436/30625).

        Needs ``name/cos:PutBucketInventory`` on the source and ``name/cos:PutObject`` on the destination bucket.

        :param bucket: full name of the bucket to list
        :param configuration: with a schedule
        """
        body = put_body(configuration)
        self._call(_request(operations.PUT_INVENTORY, bucket, configuration.inventory_id, body))

    def get_bucket_inventory(self, bucket: str, inventory_id: str) -> InventoryConfiguration:
        """
        Return a periodic inventory's configuration (436/30623).

        Needs ``name/cos:GetBucketInventory``.

        :param bucket: full name of the bucket that is listed
        """
        request = _request(operations.GET_INVENTORY, bucket, inventory_id)
        answer, configuration = self._document(request, "InventoryConfiguration", BODY_LIMIT)
        return _read(configuration, answer, request)

    def list_bucket_inventory(self, bucket: str) -> Iterator[InventoryConfiguration]:
        """
        Yield the configurations of all periodic inventories of a bucket, 100 to a request (436/30627).

        Needs ``name/cos:GetBucketInventory`` or ``name/cos:ListBucketInventory``: the documents differ, so both.

        :param bucket: full name of the bucket that is listed
        """
        token: str | None = None
        while True:
            params = {"inventory": ""} if token is None else {"inventory": "", "continuation-token": token}
            request = COSRequest(operation=operations.LIST_INVENTORY, bucket=bucket, params=params)
            try:
                answer, page = self._document(request, "ListInventoryConfigurationResult", PAGE_LIMIT)
            except COSInventoryNotFoundError as error:
                # Another way to say that there are none.
                if error.code == _NOT_FOUND:
                    return
                raise
            for element in page.findall("InventoryConfiguration"):
                yield _read(element, answer, request)
            try:
                following = next_token(page)
            except ValueError as error:
                raise unusable_page(answer, request, error) from error
            if following is None:
                return
            if following == token:
                raise unusable_page(answer, request, "the next page is the one before")
            token = following

    def delete_bucket_inventory(self, bucket: str, inventory_id: str) -> None:
        """
        Delete a periodic inventory (436/30626); one that does not exist is no error.

        Needs ``name/cos:DeleteBucketInventory``.

        :param bucket: full name of the bucket that is listed
        """
        try:
            self._call(_request(operations.DELETE_INVENTORY, bucket, inventory_id))
        except COSInventoryNotFoundError as error:
            if error.code != _NOT_FOUND:
                raise


def _request(operation: Operation, bucket: str, inventory_id: str, body: bytes | None = None) -> COSRequest:
    headers = {}
    if body is not None:
        md5 = hashlib.md5(body, usedforsecurity=False).digest()
        headers = {"Content-Type": "application/xml", "Content-MD5": base64.b64encode(md5).decode()}
    return COSRequest(
        operation=operation,
        bucket=bucket,
        params={"inventory": "", "id": check_inventory_id(inventory_id)},
        headers=headers,
        body=body,
    )


def _read(element: Element, answer: Answer, request: COSRequest) -> InventoryConfiguration:
    try:
        return read_configuration(element)
    except COSInventoryConfigurationError as error:
        # Not the caller's value, but COS's.
        raise COSInventoryRequestError(
            f"COS sent an inventory configuration that cannot be read: {error.message}",
            **details_of(answer, request),
        ) from error
