# SPDX-License-Identifier: Apache-2.0
"""Values that must be text, whatever was given."""

from __future__ import annotations

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted


def check_text(value: object, parameter: str) -> str:
    """
    Return a value that is text which can be encoded: half of a surrogate pair cannot.

    :param value: that was given
    :param parameter: that gave it
    :raises COSInventoryConfigurationError: if it is not
    """
    try:
        if isinstance(value, str):
            value.encode()
            return value
    except UnicodeEncodeError:
        pass
    raise COSInventoryConfigurationError(
        f"{quoted(value)} is not a valid {parameter}.", parameter=parameter, hint="Give text of valid Unicode."
    )
