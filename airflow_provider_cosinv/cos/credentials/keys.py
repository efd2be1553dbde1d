# SPDX-License-Identifier: Apache-2.0
"""The key that signs a request."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_cosinv.cos.checks import PRINTABLE, refuse

_MISSING = "Set it in the connection, or say where credentials come from in its extra credential."


@dataclass(frozen=True, repr=False)
class Credentials:
    """
    The identity that signs requests.

    :param secret_id: SecretId of a key of CAM, or of temporary credentials
    :param secret_key: SecretKey that belongs to it
    :param token: session token; temporary credentials have one
    :raises COSInventoryConfigurationError: where a value is missing or holds a blank or a line break, as a
        careless paste leaves it; the value itself is never in the message
    """

    secret_id: str
    secret_key: str
    token: str | None = None

    def __post_init__(self) -> None:
        """Check the characters: HTTP libraries print a header value that they refuse."""
        for parameter in ("secret_id", "secret_key", "token"):
            value = getattr(self, parameter)
            if parameter == "token" and value is None:
                continue
            if not isinstance(value, str) or not value:
                raise refuse(parameter, f"The {parameter} is missing.", _MISSING)
            if not PRINTABLE.fullmatch(value):
                raise refuse(
                    parameter,
                    f"The {parameter} holds a blank, a line break or a character outside ASCII.",
                    "Copy it again, without what is around it.",
                )

    def __repr__(self) -> str:
        """Return the first four characters of the SecretId and nothing else."""
        return f"Credentials(secret_id='{self.secret_id[:4]}***')"
