# SPDX-License-Identifier: Apache-2.0
"""Where credentials come from when the connection stores none: told here, asked in :mod:`.shared`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from airflow_provider_cosinv.cos.checks import check_endpoint_url, refuse
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.exceptions import quoted, shown

ENVIRONMENT = "environment"
CVM_ROLE = "cvm_role"
TKE_OIDC = "tke_oidc"
ASSUME_ROLE = "assume_role"

#: The sources that have an identity of their own; ``assume_role`` needs one of these, or a stored key, to begin with.
OWN_IDENTITY = (ENVIRONMENT, CVM_ROLE, TKE_OIDC)
SOURCES = (*OWN_IDENTITY, ASSUME_ROLE)

#: What every error of a source has as its parameter: the request was not signed, so it was not sent.
PARAMETER = "credential"

DEFAULT_SESSION_NAME = "airflow-provider-cosinv"
#: Seconds; what STS gives where it is not told (1150/49456).
DEFAULT_DURATION = 7200
MAX_DURATION = 43200

# A role's name or number, of a service too; the session and the external id as STS takes them (1150/49456).
_ROLE_ARN = re.compile(r"qcs::cam::uin/[0-9]+:(role|roleName)/\S+")
_SESSION_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,128}")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,128}")

_WHAT_TO_DO = {
    ENVIRONMENT: "Set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY wherever tasks, the triggerer and the API "
    "server run.",
    CVM_ROLE: "Run on a CVM instance with a CAM role bound to it (console: More > Instance Settings > Bind/Modify "
    "Role); where HTTP_PROXY is set, add metadata.tencentyun.com to NO_PROXY.",
    TKE_OIDC: "Run in a pod of TKE whose service account is bound to a CAM role: TKE then sets TKE_REGION, "
    "TKE_PROVIDER_ID, TKE_ROLE_ARN and TKE_WEB_IDENTITY_TOKEN_FILE.",
    ASSUME_ROLE: "Check role_arn and external_id, that the trust policy of the role names the caller, and that the "
    "caller may do name/sts:AssumeRole.",
}


@dataclass(frozen=True, kw_only=True)
class CredentialSource:
    """
    What issues credentials, when they are needed.

    :param kind: one of :data:`SOURCES`
    :param role_arn: with ``assume_role``: the role, ``qcs::cam::uin/<UIN of its account>:roleName/<name>``
    :param role_session_name: with ``assume_role``: what the audit log of the role's account shows
    :param external_id: with ``assume_role``: what the role's trust policy asks for
    :param duration_seconds: with ``assume_role``: how long credentials hold, at most 43,200 seconds
    :param caller: with ``assume_role``: who assumes the role
    :param sts_endpoint_url: where STS is asked instead of ``https://sts.tencentcloudapi.com``
    :param timeout: seconds that a request waits for its source
    :param verify_ssl: with ``assume_role``: as :class:`~.settings.ClientSettings` has it
    :param proxy: with ``assume_role``: URL of the proxy to STS; without it the environment's counts
    :raises COSInventoryConfigurationError: where a value is wrong; ``parameter`` names it
    """

    kind: str
    role_arn: str | None = None
    role_session_name: str = DEFAULT_SESSION_NAME
    external_id: str | None = field(default=None, repr=False)
    duration_seconds: int = DEFAULT_DURATION
    caller: Credentials | CredentialSource | None = None
    sts_endpoint_url: str | None = None
    timeout: float = 30.0
    verify_ssl: bool | str = True
    # A proxy's URL may carry a password.
    proxy: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check what can be checked without a request."""
        if self.kind not in SOURCES:
            raise refuse(PARAMETER, f"{quoted(self.kind)} is not a source of credentials.", f"Use {_listed(SOURCES)}.")
        if self.sts_endpoint_url is not None:
            check_endpoint_url(self.sts_endpoint_url, parameter="sts_endpoint_url")
        if self.kind == ASSUME_ROLE:
            self._check_role()

    def _check_role(self) -> None:
        if self.role_arn is None or not _ROLE_ARN.fullmatch(self.role_arn):
            raise refuse(
                "role_arn",
                "The role_arn is missing." if self.role_arn is None else f"{quoted(self.role_arn)} is not a role.",
                "Copy RoleArn from the role's page in CAM, such as qcs::cam::uin/100000000001:roleName/inventory.",
            )
        if not _SESSION_NAME.fullmatch(self.role_session_name):
            raise refuse(
                "role_session_name",
                f"{quoted(self.role_session_name)} is not a session name.",
                "Use 2 to 128 letters, digits and characters of +=,.@_-",
            )
        if self.external_id is not None and not _EXTERNAL_ID.fullmatch(self.external_id):
            raise refuse(
                "external_id", "This is not an external id.", "Use 2 to 128 letters, digits and characters of +=,.@:/_-"
            )
        if not 1 <= self.duration_seconds <= MAX_DURATION:
            raise refuse(
                "duration_seconds",
                f"{quoted(self.duration_seconds)} is not a duration.",
                f"Give seconds, at most {MAX_DURATION}; {DEFAULT_DURATION} is usual.",
            )
        if self.caller is None:
            raise refuse(
                PARAMETER,
                "Nobody is named who assumes the role.",
                f"Store SecretId and SecretKey of the caller, or set credential_source to {_listed(OWN_IDENTITY)}.",
            )

    def __str__(self) -> str:
        """Return the source as an error names it."""
        return f"{self.kind} of {shown(self.role_arn)}" if self.kind == ASSUME_ROLE else self.kind

    @property
    def what_to_do(self) -> str:
        """Return what a person can do where the source issues nothing."""
        return _WHAT_TO_DO[self.kind]


@dataclass(frozen=True, kw_only=True)
class Issued:
    """
    What a source issued.

    :param credentials: the identity that signs
    :param issued_at: when, Unix seconds
    :param expires_at: when they end, Unix seconds; None where they do not
    """

    credentials: Credentials
    issued_at: float
    expires_at: float | None = None

    def is_usable(self, now: float) -> bool:
        """Return whether a request that is signed now arrives before they end."""
        return self.expires_at is None or now < self.expires_at - self._part(20, at_most=30)

    def is_fresh(self, now: float) -> bool:
        """Return whether it is too early to ask for others: a fifth of their time, at most five minutes, is left."""
        return self.expires_at is None or now < self.expires_at - self._part(5, at_most=300)

    def _part(self, divisor: int, *, at_most: float) -> float:
        return 0.0 if self.expires_at is None else min((self.expires_at - self.issued_at) / divisor, at_most)


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
