# SPDX-License-Identifier: Apache-2.0
"""What COS bills for an inventory."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted

_MILLION = 1_000_000


def inventory_bill(listed_objects: int, price_per_million: Decimal | float | str) -> Decimal:
    """
    Return what COS bills for an inventory: the objects that it listed, by the million (436/32534).

    COS bills what was listed, not what passed the filter and is in the report. What it rounds to is not documented;
    nothing is rounded here. The report's storage and the requests for it are billed like any object's.

    :param listed_objects: of the manifest: ``manifest["listed_objects"]``
    :param price_per_million: of a million objects, in any currency; text or a Decimal is exact
    :raises COSInventoryConfigurationError: where one of them is not a number, or negative
    """
    if isinstance(listed_objects, bool) or not isinstance(listed_objects, int) or listed_objects < 0:
        raise COSInventoryConfigurationError(
            f"{quoted(listed_objects)} is not a count of objects.",
            parameter="listed_objects",
            hint='Give manifest["listed_objects"]; a manifest of the first shape (2019) has none.',
        )
    try:
        price = Decimal(str(price_per_million))
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or price < 0:
        raise COSInventoryConfigurationError(
            f"{quoted(price_per_million)} is not a price.",
            parameter="price_per_million",
            hint='Give a number, such as "0.0027".',
        )
    return price * listed_objects / _MILLION
