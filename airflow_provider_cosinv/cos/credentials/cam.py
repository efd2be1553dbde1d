# SPDX-License-Identifier: Apache-2.0
"""
Asks the sources of credentials, through Tencent's own ``tencentcloud-sdk-python-common`` (the extra ``cam``).

Of the library, its general client is used: it composes and signs requests to STS, and reads the answers. Its classes
for each source follow redirects with all that they send, take proxies and ``~/.netrc`` by rules of their own, tell
neither when credentials end nor why there are none, and know no external id. So requests go through our own session,
and :mod:`.shared` keeps the answer.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential, EnvironmentVariableCredential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from airflow_provider_cosinv.cos.credentials import cam_errors
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.credentials.provider import (
    ASSUME_ROLE,
    CVM_ROLE,
    DEFAULT_DURATION,
    DEFAULT_SESSION_NAME,
    ENVIRONMENT,
    TKE_OIDC,
    Issued,
)
from airflow_provider_cosinv.cos.credentials.provider import CredentialSource as Source
from airflow_provider_cosinv.cos.sdk_logging import own_request, silence_logger
from airflow_provider_cosinv.cos.session import Session
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryError

# At DEBUG it prints headers and bodies, with signatures, keys and tokens.
silence_logger("tencentcloud_sdk_common")

_T = TypeVar("_T")
# What was issued, unchecked, and when it ends.
_Found = tuple[Any, Any, Any, float]
_STS = "https://sts.tencentcloudapi.com"
# STS has no regions of its own, but wants to be told one; this is the library's.
_STS_REGION = "ap-guangzhou"
_STS_VERSION = "2018-08-13"
_METADATA = "http://metadata.tencentyun.com/latest/meta-data/cam/security-credentials/"
_ROLE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
# Answers have a few kilobytes; the tokens in them are the longest part.
_ANSWER_LIMIT = 1024 * 1024


def issue(source: Source, *, caller: Credentials | None = None) -> Issued:
    """
    Ask a source for credentials; this blocks.

    :param caller: credentials of the one who assumes the role, if the source is a role

    :raises COSInventoryConfigurationError: where the source is not set up, or there is no such role
    :raises COSInventoryPermissionError: where it refuses
    :raises COSInventoryTransientError: where it cannot be reached for now
    """
    with own_request():
        issued = _assume_role(source, caller) if source.kind == ASSUME_ROLE else _ISSUERS[source.kind](source)
    if issued.expires_at is not None and issued.expires_at <= time.time():
        raise cam_errors.ended_already(source)
    return issued


def _environment(source: Source) -> Issued:
    found = _asked(source, EnvironmentVariableCredential().get_credential)
    if found is None:
        raise cam_errors.not_set_up(source, "the variables are not set")
    return _issued(source, *found.get_credential_info())


def _cvm_role(source: Source) -> Issued:
    def ask() -> _Found:
        role = _metadata(source, "").decode().strip()
        if not _ROLE_NAME.fullmatch(role):
            raise cam_errors.unreadable(source)
        answer = json.loads(_metadata(source, role))
        if answer["Code"] != "Success":
            raise cam_errors.metadata_failed(source, str(answer["Code"]))
        return answer["TmpSecretId"], answer["TmpSecretKey"], answer["Token"], _end(answer["ExpiredTime"])

    return _issued(source, *_asked(source, ask))


def _metadata(source: Source, role: str) -> bytes:
    # The metadata service is not COS: the connection's proxies are not for it.
    reply = _Sender(source, proxies=None, verify_ssl=True).request("GET", _METADATA + role)
    if reply.status_code != HTTPStatus.OK:
        raise cam_errors.metadata_refused(source, reply.status_code)
    return reply.content


def _tke_oidc(source: Source) -> Issued:
    def ask() -> _Found:
        variables = {}
        for name in ("TKE_REGION", "TKE_PROVIDER_ID", "TKE_ROLE_ARN", "TKE_WEB_IDENTITY_TOKEN_FILE"):
            variables[name] = os.environ.get(name)
            if not variables[name]:
                raise cam_errors.not_set_up(source, f"{name} is not set")
        parameters = {
            "ProviderId": variables["TKE_PROVIDER_ID"],
            "WebIdentityToken": Path(str(variables["TKE_WEB_IDENTITY_TOKEN_FILE"])).read_text(encoding="utf-8"),
            "RoleArn": variables["TKE_ROLE_ARN"],
            "RoleSessionName": DEFAULT_SESSION_NAME,
            "DurationSeconds": DEFAULT_DURATION,
        }
        # The pod's identity is not of the connection, and neither is the way to the service that vouches for it.
        sender = _Sender(source, proxies=None, verify_ssl=True)
        return _sts(source, "AssumeRoleWithWebIdentity", parameters, region=variables["TKE_REGION"], sender=sender)

    return _issued(source, *_asked(source, ask))


def _assume_role(source: Source, caller: Credentials | None) -> Issued:
    identity = caller and Credential(caller.secret_id, caller.secret_key, caller.token)
    parameters = {
        "RoleArn": source.role_arn,
        "RoleSessionName": source.role_session_name,
        "DurationSeconds": source.duration_seconds,
        **({"ExternalId": source.external_id} if source.external_id else {}),
    }

    def ask() -> _Found:
        proxies = {urlsplit(source.sts_endpoint_url or _STS).scheme: source.proxy} if source.proxy else None
        sender = _Sender(source, proxies=proxies, verify_ssl=source.verify_ssl)
        return _sts(source, "AssumeRole", parameters, identity=identity, sender=sender)

    return _issued(source, *_asked(source, ask))


def _sts(
    source: Source,
    action: str,
    parameters: Mapping[str, Any],
    *,
    sender: _Sender,
    identity: Credential | None = None,
    region: str | None = None,
) -> _Found:
    """Call STS; without an identity, the parameters say who asks, and nothing is signed."""
    endpoint = urlsplit(source.sts_endpoint_url or _STS)
    profile = ClientProfile(
        language="en-US", httpProfile=HttpProfile(protocol=endpoint.scheme, endpoint=endpoint.netloc)
    )
    client = CommonClient("sts", _STS_VERSION, identity, region or _STS_REGION, profile)
    client.request.conn = sender
    answer = client.call_json(action, parameters, options={"SkipSign": identity is None})["Response"]
    found = answer["Credentials"]
    return found["TmpSecretId"], found["TmpSecretKey"], found["Token"], _end(answer["ExpiredTime"])


def _end(value: Any) -> float:
    end = float(value)
    if not math.isfinite(end):
        raise ValueError
    return end


_ISSUERS: dict[str, Callable[[Source], Issued]] = {
    ENVIRONMENT: _environment,
    CVM_ROLE: _cvm_role,
    TKE_OIDC: _tke_oidc,
}


@dataclass(frozen=True, kw_only=True)
class _Reply:
    """An answer, with the names that the library reads it by."""

    status_code: int
    headers: Mapping[str, str]
    # It may hold a key.
    content: bytes = field(repr=False)


class _Sender:
    """
    Sends what the library composed, in place of its ``ProxyConnection``.

    :param source: that is asked
    :param proxies: by scheme
    :param verify_ssl: as the connection has it
    """

    # The library counts it.
    request_length = 0

    def __init__(self, source: Source, *, proxies: Mapping[str, str] | None, verify_ssl: bool | str) -> None:
        self._source = source
        self._session = Session(proxies=proxies, verify_ssl=verify_ssl)

    def request(
        self, method: str, url: str, body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> _Reply:
        """Send one request, and return a bounded answer."""
        content = b""
        with (
            self._session as session,
            session.request(
                method, url, data=body, headers=headers, timeout=self._source.timeout, stream=True
            ) as response,
        ):
            if HTTPStatus.MULTIPLE_CHOICES <= response.status_code < HTTPStatus.BAD_REQUEST:
                raise cam_errors.redirected(self._source, response.status_code)
            for piece in response.iter_content(_ANSWER_LIMIT):
                content += piece
                if len(content) > _ANSWER_LIMIT:
                    raise cam_errors.unreadable(self._source)
        return _Reply(status_code=response.status_code, headers=response.headers, content=content)


def _asked(source: Source, ask: Callable[[], _T]) -> _T:
    told: COSInventoryError
    try:
        return ask()
    except COSInventoryError as error:
        told = error
    except TencentCloudSDKException as error:
        told = cam_errors.refused(source, error)
    except requests.RequestException as error:
        told = cam_errors.no_answer(source, error)
    except OSError as error:
        # The variables and the token file of TKE.
        told = cam_errors.not_set_up(source, str(error))
    except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError):
        told = cam_errors.unreadable(source)
    # Not from the library's error, whose text may hold an answer with a key, or a proxy's URL with its password.
    raise told


def _issued(source: Source, secret_id: Any, secret_key: Any, token: Any, expires_at: float | None = None) -> Issued:
    told: COSInventoryError
    try:
        credentials = Credentials(secret_id, secret_key, token)
    except COSInventoryConfigurationError as error:
        told = cam_errors.unusable(source, error)
    else:
        return Issued(credentials=credentials, issued_at=time.time(), expires_at=expires_at)
    raise told
