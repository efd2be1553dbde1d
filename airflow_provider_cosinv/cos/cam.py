# SPDX-License-Identifier: Apache-2.0
"""
Asks the sources of credentials, through Tencent's own ``tencentcloud-sdk-python-common`` (the extra ``cam``).

Its objects keep credentials and renew them, but tell neither when these end nor, one of them, why there are none. So
each is used for one question, and :mod:`.shared_credentials` keeps the answer. AssumeRole goes through the library's
general client, because its class for it knows no external id, no caller with a token and no proxy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.client import HTTPException, InvalidURL
from typing import Any, TypeVar, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import requests
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import (
    Credential,
    CVMRoleCredential,
    EnvironmentVariableCredential,
    OIDCRoleArnCredential,
)
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from airflow_provider_cosinv.cos import cam_errors
from airflow_provider_cosinv.cos.credential_source import ASSUME_ROLE, CVM_ROLE, ENVIRONMENT, TKE_OIDC, Issued
from airflow_provider_cosinv.cos.credential_source import CredentialSource as Source
from airflow_provider_cosinv.cos.sdk_logging import own_request, silence_logger
from airflow_provider_cosinv.cos.settings import Credentials
from airflow_provider_cosinv.cos.shared_credentials import credentials_of
from airflow_provider_cosinv.cos.tls import ca_path
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryError

# At DEBUG it prints headers and bodies, with signatures, keys and tokens.
silence_logger("tencentcloud_sdk_common")

_T = TypeVar("_T")
_STS = "https://sts.tencentcloudapi.com"
# STS has no regions of its own, but wants to be told one; this is the library's.
_STS_REGION = "ap-guangzhou"
_STS_VERSION = "2018-08-13"
_METADATA_LIMIT = 64 * 1024


def issue(source: Source) -> Issued:
    """
    Ask a source for credentials; this blocks.

    :raises COSInventoryConfigurationError: where the source is not set up, or there is no such role
    :raises COSInventoryPermissionError: where it refuses
    :raises COSInventoryTransientError: where it cannot be reached for now
    """
    with own_request():
        issued = _ISSUERS[source.kind](source)
    if issued.expires_at is not None and issued.expires_at <= time.time():
        raise cam_errors.ended_already(source)
    return issued


def _environment(source: Source) -> Issued:
    found = _asked(source, EnvironmentVariableCredential().get_credential)
    if found is None:
        raise cam_errors.not_set_up(source, "the variables are not set")
    return _issued(source, *found.get_credential_info())


def _cvm_role(source: Source) -> Issued:
    role = _CVMRole()
    secret_id, secret_key, token = _asked(source, role.get_credential_info)
    if secret_id is None:
        raise role.why_not(source)
    return _issued(source, secret_id, secret_key, token, expires_at=role.expires_at)


def _tke_oidc(source: Source) -> Issued:
    role = _TKERole(endpoint=_sts_endpoint(source, with_scheme=True))
    secret_id, secret_key, token = _asked(source, role.get_credential_info)
    return _issued(source, secret_id, secret_key, token, expires_at=role.expires_at)


def _assume_role(source: Source) -> Issued:
    # A source of this kind has one: it is checked when it is made.
    caller = credentials_of(cast("Credentials | Source", source.caller))
    profile = ClientProfile(
        language="en-US",
        httpProfile=HttpProfile(
            protocol=urlsplit(source.sts_endpoint_url or _STS).scheme,
            endpoint=_sts_endpoint(source, with_scheme=False),
            reqTimeout=source.timeout,
            proxy=source.proxy,
            certification=ca_path(source.verify_ssl) if source.verify_ssl else False,
        ),
    )
    parameters = {
        "RoleArn": source.role_arn,
        "RoleSessionName": source.role_session_name,
        "DurationSeconds": source.duration_seconds,
        **({"ExternalId": source.external_id} if source.external_id else {}),
    }

    def ask() -> tuple[Any, Any, Any, Any]:
        identity = Credential(caller.secret_id, caller.secret_key, caller.token)
        client = CommonClient("sts", _STS_VERSION, identity, _STS_REGION, profile)
        answer = client.call_json("AssumeRole", parameters)["Response"]
        found = answer["Credentials"]
        return found["TmpSecretId"], found["TmpSecretKey"], found["Token"], answer["ExpiredTime"]

    secret_id, secret_key, token, expires_at = _asked(source, ask)
    return _issued(source, secret_id, secret_key, token, expires_at=expires_at)


_ISSUERS: dict[str, Callable[[Source], Issued]] = {
    ENVIRONMENT: _environment,
    CVM_ROLE: _cvm_role,
    TKE_OIDC: _tke_oidc,
    ASSUME_ROLE: _assume_role,
}


class _CVMRole(CVMRoleCredential):  # type: ignore[misc]  # the library has no types
    """The library's, which keeps to itself when its credentials end, and why it has none."""

    @property
    def expires_at(self) -> Any:
        """Return what the metadata service said, Unix seconds."""
        return self._expired_ts

    def why_not(self, source: Source) -> COSInventoryError:
        """Ask once more, for the reason alone."""
        try:
            with urlopen(self._role_endpoint + (self.role or ""), timeout=source.timeout) as answer:  # noqa: S310  http, and its own
                body = answer.read(_METADATA_LIMIT)
        except HTTPError as error:
            return cam_errors.metadata_refused(source, error.code)
        except InvalidURL:
            # What it said the role's name is, is none.
            return cam_errors.unreadable(source)
        except (OSError, HTTPException) as error:
            return cam_errors.no_answer(source, error)
        try:
            code = json.loads(body)["Code"]
        except (ValueError, KeyError, TypeError):
            return cam_errors.unreadable(source)
        return cam_errors.metadata_failed(source, str(code))


class _TKERole(OIDCRoleArnCredential):  # type: ignore[misc]  # the library has no types
    """The library's ``DefaultTkeOIDCRoleArnProvider`` makes the same, but takes no endpoint and tells no end."""

    def __init__(self, *, endpoint: str | None) -> None:
        super().__init__("", "", "", "", "", endpoint=endpoint)
        self._is_tke = True

    @property
    def expires_at(self) -> Any:
        """Return the Unix time from which the library would renew: a tenth of their time before they end."""
        return self._expired_time


def _sts_endpoint(source: Source, *, with_scheme: bool) -> str | None:
    """Return the host, as the library wants it: with the scheme only where it could not be told otherwise."""
    if source.sts_endpoint_url is None:
        return None
    parts = urlsplit(source.sts_endpoint_url)
    return f"http://{parts.netloc}" if with_scheme and parts.scheme == "http" else parts.netloc


def _asked(source: Source, ask: Callable[[], _T]) -> _T:
    told: COSInventoryError
    try:
        return ask()
    except TencentCloudSDKException as error:
        told = cam_errors.refused(source, error)
    except requests.RequestException as error:
        told = cam_errors.no_answer(source, error)
    except OSError as error:
        # The variables and the token file of TKE.
        told = cam_errors.not_set_up(source, str(error))
    except (AttributeError, LookupError, TypeError, ValueError):
        told = cam_errors.unreadable(source)
    # Not from the library's error, whose text may hold an answer with a key, or a proxy's URL with its password.
    raise told


def _issued(source: Source, secret_id: Any, secret_key: Any, token: Any, *, expires_at: Any = None) -> Issued:
    told: COSInventoryError
    try:
        credentials = Credentials(secret_id, secret_key, token)
        ends = None if expires_at is None else float(expires_at)
    except COSInventoryConfigurationError as error:
        told = cam_errors.unusable(source, error)
    except (TypeError, ValueError):
        told = cam_errors.unreadable(source)
    else:
        return Issued(credentials=credentials, issued_at=time.time(), expires_at=ends)
    raise told
