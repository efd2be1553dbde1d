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
                "python-modules": [
                    "airflow_provider_cosinv.triggers.cos_inventory",
                    "airflow_provider_cosinv.triggers.cos_inventory_event",
                ],
            }
        ],
        "asset-uris": [
            {
                "schemes": ["cos"],
                "handler": "airflow_provider_cosinv.assets.cos.sanitize_uri",
                "factory": "airflow_provider_cosinv.assets.cos.create_asset",
                "to_openlineage_converter": "airflow_provider_cosinv.assets.cos.convert_asset_to_openlineage",
            }
        ],
        "filesystems": ["airflow_provider_cosinv.fs.cos"],
        "extra-links": [
            "airflow_provider_cosinv.links.cos.COSReportLink",
            "airflow_provider_cosinv.links.cos.COSResultLink",
            "airflow_provider_cosinv.links.cos.COSSourceBucketLink",
        ],
        "connection-types": [
            {
                "connection-type": "cos",
                "hook-class-name": "airflow_provider_cosinv.hooks.cos_inventory.COSInventoryHook",
                "hook-name": "Tencent Cloud COS",
                "ui-field-behaviour": {
                    # The port means nothing to the hook. The Test button of Airflow 3.3.1 and 3.3.2 answers "Bad
                    # Request" for a connection without one (apache/airflow#73298).
                    "hidden-fields": ["host", "schema"],
                    "relabeling": {"login": "SecretId", "password": "SecretKey", "port": "Port (for the Test button)"},
                    "placeholders": {
                        "login": "AKID…",
                        "password": "the key that belongs to the SecretId",
                        "port": "443; Airflow 3.3.1 and 3.3.2 do not test without one",
                    },
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
    "bucket": {
        "label": "Bucket (for the Test button)",
        "description": "Full name, such as examplebucket-1250000000: Test connection says whether it is there. Nothing "
        "else uses it.",
        "schema": {"type": ["string", "null"]},
    },
    "token": {
        "label": "Session token",
        "description": "Only with temporary credentials.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "credential": {
        "label": "Credential",
        "description": "Where credentials come from where no key is stored above; with assume_role, the role that "
        "the key above assumes. Needs the extra cam.",
        "schema": {"type": ["string", "null"], "enum": ["environment", "cvm_role", "tke_oidc", "assume_role"]},
    },
    "role_arn": {
        "label": "Role ARN",
        "description": "With assume_role: the role, such as qcs::cam::uin/100000000001:roleName/inventory.",
        "schema": {"type": ["string", "null"]},
    },
    "credential_source": {
        "label": "Role's caller",
        "description": "With assume_role, where no key is stored above: who assumes the role.",
        "schema": {"type": ["string", "null"], "enum": ["environment", "cvm_role", "tke_oidc"]},
    },
    "external_id": {
        "label": "External id",
        "description": "With assume_role: what the role's trust policy asks for.",
        "schema": {"type": ["string", "null"]},
    },
    "role_session_name": {
        "label": "Role session name",
        "description": "With assume_role: what the audit log shows. airflow-provider-cosinv where empty.",
        "schema": {"type": ["string", "null"]},
    },
    "duration_seconds": {
        "label": "Role's duration (seconds)",
        "description": "With assume_role: how long credentials hold before they are renewed. 7200 where empty.",
        "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 43200},
    },
    "sts_endpoint_url": {
        "label": "STS endpoint URL",
        "description": "With assume_role and tke_oidc: where to ask instead of https://sts.tencentcloudapi.com, "
        "such as https://sts.intl.tencentcloudapi.com.",
        "schema": {"type": ["string", "null"]},
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
