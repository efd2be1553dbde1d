# SPDX-License-Identifier: Apache-2.0
"""Template fields that are text, also where a DAG renders its templates as native Python values."""

from __future__ import annotations

from typing import Any

#: Those that may be nothing but digits.
TEXT_FIELDS = frozenset({"account_id", "date", "destination_prefix", "inventory_id", "prefix"})


class TextFields:
    """
    Takes a whole number back as the text that it was; the first base of an operator or sensor that has such fields.

    ``render_template_as_native_obj`` makes a number of a text that Python reads as one, such as ``{{ ds_nodash }}``.
    Digits with a zero in front are none to Python, so digits come back as they were written; what stood between them,
    as in ``2026_01``, does not. It happens here, for Airflow sets a rendered field as any other, of a mapped task too.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute. A bool is an int, too, and no text that anybody wrote."""
        super().__setattr__(name, str(value) if name in TEXT_FIELDS and type(value) is int else value)
