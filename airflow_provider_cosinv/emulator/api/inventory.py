# SPDX-License-Identifier: Apache-2.0
"""Bucket inventory: POST (436/46869), PUT (436/30625), GET (436/30623), LIST (436/30627), DELETE (436/30626)."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.http import COSRequest, Reply, text_reply
from airflow_provider_cosinv.emulator.state import Emulation
from airflow_provider_cosinv.emulator.xml import document, node
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.inventory.configuration import InventoryConfiguration
from airflow_provider_cosinv.inventory.configuration_xml import put_body, read_configuration
from airflow_provider_cosinv.inventory.names import check_inventory_id
from airflow_provider_cosinv.inventory.xml import XMLError, parse_xml, text_of

_PAGE = 100
#: Seconds that a POST waits for the scan: with a small bucket the report is there when the answer is.
_GRACE = 2.0


def post_bucket_inventory(emulation: Emulation, request: COSRequest) -> Reply:
    """Begin a one-time inventory."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    root = _root(request)
    for name in ("IsEnabled", "Schedule"):
        if root.find(name) is not None:
            raise COSError("MalformedXML", f"A one-time inventory has no {name}.")
    job = emulation.inventories.submit(bucket, _configuration(root, request))
    delivery = emulation.settings.delivery
    if not delivery.polls and not delivery.seconds:
        job.scanned.wait(_GRACE)
    return text_reply(document("PostInventoryResult", node("JobId", job.job_id)))


def put_bucket_inventory(emulation: Emulation, request: COSRequest) -> Reply:
    """Set a periodic inventory."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    root = _root(request)
    for name in ("IsEnabled", "Schedule"):
        if root.find(name) is None:
            raise COSError("MalformedXML", f"A periodic inventory needs {name}.")
    configuration = _configuration(root, request)
    if configuration.schedule is None:
        raise COSError("MalformedXML", "A periodic inventory needs Schedule/Frequency.")
    emulation.inventories.put_rule(bucket, configuration)
    return Reply()


def get_bucket_inventory(emulation: Emulation, request: COSRequest) -> Reply:
    """Return a periodic inventory."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    return text_reply(put_body(emulation.inventories.rule(bucket, _id(request))))


def list_bucket_inventory(emulation: Emulation, request: COSRequest) -> Reply:
    """Return a page of the periodic inventories, oldest first."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    rules = emulation.inventories.rules(bucket)
    token = request.params.get("continuation-token", "")
    start = 0
    if token:
        start = next((number for number, rule in enumerate(rules) if rule.inventory_id == token), -1)
    if start < 0:
        raise COSError("InvalidArgument", "The continuation-token is not valid.")
    root = Element("ListInventoryConfigurationResult")
    if token:
        SubElement(root, "ContinuationToken").text = token
    for rule in rules[start : start + _PAGE]:
        root.append(parse_xml(put_body(rule)))
    truncated = start + _PAGE < len(rules)
    SubElement(root, "IsTruncated").text = "true" if truncated else "false"
    if truncated:
        SubElement(root, "NextContinuationToken").text = rules[start + _PAGE].inventory_id
    return text_reply(tostring(root, encoding="utf-8", xml_declaration=True))


def delete_bucket_inventory(emulation: Emulation, request: COSRequest) -> Reply:
    """Delete a periodic inventory."""
    bucket = emulation.store.find(request.bucket, region=request.target.region)
    emulation.inventories.delete_rule(bucket, _id(request))
    return Reply(status=204)


def _id(request: COSRequest) -> str:
    try:
        return check_inventory_id(request.params.get("id", ""), parameter="id")
    except COSInventoryConfigurationError as error:
        raise COSError("InvalidArgument", str(error)) from error


def _root(request: COSRequest) -> Element:
    try:
        root = parse_xml(request.body.xml())
    except XMLError as error:
        raise COSError("MalformedXML", str(error)) from error
    if root.tag != "InventoryConfiguration":
        raise COSError("MalformedXML", f"The root element is {root.tag}.")
    return root


def _configuration(root: Element, request: COSRequest) -> InventoryConfiguration:
    inventory_id = _id(request)
    if text_of(root, "Id") is None:
        raise COSError("MalformedXML", "The element Id is missing.")
    if text_of(root, "Id") != inventory_id:
        raise COSError("InvalidArgument", "The Id in the body is not the id in the query.")
    if text_of(root, "Destination/COSBucketDestination/Format") != "CSV":
        raise COSError("InvalidArgument", "The Format must be CSV.")
    try:
        return read_configuration(root)
    except COSInventoryConfigurationError as error:
        raise COSError("InvalidArgument", str(error)) from error
