# SPDX-License-Identifier: Apache-2.0
"""What Airflow shows and discovers. Every Airflow process loads this module, so it imports nothing."""

from __future__ import annotations

from typing import Any

_INTEGRATION = "Tencent Cloud COS inventory"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, after ``airflow/provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-cosinv",
        "name": "Tencent Cloud COS inventory",
        "description": "Turns a `Tencent Cloud COS <https://www.tencentcloud.com/products/cos>`__ bucket of any size "
        "into a verified table: submits an inventory, waits for its report without a worker, reads its rows.\n",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://www.tencentcloud.com/document/product/436/30622",
                "tags": ["service"],
            }
        ],
        "hooks": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": ["airflow_provider_cosinv.hooks.cos_inventory"],
            }
        ],
        "operators": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": [
                    "airflow_provider_cosinv.operators.cos_inventory",
                    "airflow_provider_cosinv.operators.cos_inventory_diff",
                    "airflow_provider_cosinv.operators.cos_inventory_parquet",
                    "airflow_provider_cosinv.operators.cos_inventory_query",
                    "airflow_provider_cosinv.operators.cos_inventory_rule",
                    "airflow_provider_cosinv.operators.cos_inventory_selection",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": ["airflow_provider_cosinv.sensors.cos_inventory"],
            }
        ],
        "triggers": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": ["airflow_provider_cosinv.triggers.cos_inventory"],
            }
        ],
        "asset-uris": [
            {
                "schemes": ["cos"],
                "handler": "airflow_provider_cosinv.assets.cos.sanitize_uri",
                "factory": "airflow_provider_cosinv.assets.cos.create_asset",
            }
        ],
        "connection-types": [
            {
                "connection-type": "cos",
                "hook-class-name": "airflow_provider_cosinv.hooks.cos_inventory.COSInventoryHook",
                "hook-name": "Tencent Cloud COS",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "port"],
                    "relabeling": {"login": "SecretId", "password": "SecretKey"},
                    "placeholders": {"login": "AKID…", "password": "the key that belongs to the SecretId"},
                },
                "conn-fields": _CONNECTION_FIELDS,
            }
        ],
    }


_CONNECTION_FIELDS: dict[str, dict[str, Any]] = {
    "region": {
        "label": "Region",
        "description": "Code of the buckets' region, such as ap-guangzhou. A task may name another.",
        "schema": {"type": ["string", "null"]},
    },
    "token": {
        "label": "Session token",
        "description": "Only with temporary credentials.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "domain_suffix": {
        "label": "Domain",
        "description": "The end of the buckets' domain names.",
        "schema": {"type": ["string", "null"], "enum": ["myqcloud.com", "tencentcos.cn"], "default": "myqcloud.com"},
    },
    "internal": {
        "label": "Internal domain",
        "description": "Use cos-internal.<region>.tencentcos.cn, which resolves only inside Tencent Cloud.",
        "schema": {"type": ["boolean", "null"]},
    },
    "endpoint_url": {
        "label": "Endpoint URL",
        "description": "Where to connect instead of the bucket's domain: a gateway or the emulator, "
        "such as http://127.0.0.1:9000. The Host header stays the bucket's domain.",
        "schema": {"type": ["string", "null"]},
    },
    "timeout": {
        "label": "Time-out (seconds)",
        "description": "For connecting, and for each wait for data. 30 where empty.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "verify_ssl": {
        "label": "Verify TLS",
        "description": "true, false, or the path of a file with certificates of authorities. true where empty.",
        "schema": {"type": ["string", "null"]},
    },
    "proxies": {
        "label": "Proxies",
        "description": 'JSON, such as {"https": "http://proxy:3128"}. '
        "Where empty, HTTP_PROXY, HTTPS_PROXY and NO_PROXY hold.",
        # A proxy's URL may hold a password.
        "schema": {"type": ["string", "null"], "format": "password"},
    },
}
