# SPDX-License-Identifier: Apache-2.0
"""
A watermark in an Airflow Variable.

Nothing in Airflow (3.1 to 3.4) tells a Variable that is not there from one that could not be read. In the triggerer
and on the API server alike, a source of Variables that fails is logged and passed over, and what is left at the end is
"not found": even the API server's 404 may be a database that failed. But a watermark that is taken for missing is made
anew, and then reports are lost, or announced again.

So "not there" is proven with what is public. Another Variable is written and read, on the way that the watermark takes,
and then the watermark is asked for again. A write is read, too: Airflow 3.1 only logs one that failed, and a Variable
of that name in another secrets backend hides what was written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowRuntimeError
from asgiref.sync import sync_to_async

from airflow_provider_cosinv.exceptions import COSInventoryTransientError, shown
from airflow_provider_cosinv.inventory.report.watermark import Watermark

_PROBE = "This Variable shows that Variables can be read; it may be deleted."


@dataclass(frozen=True, kw_only=True)
class WatermarkVariable:
    """
    Where a watermark is kept.

    :param name: the Variable's
    :param description: the Variable's
    """

    name: str
    description: str

    async def read(self) -> Watermark | None:
        """
        Return the watermark; None where it is certain that there is none.

        :raises COSInventoryTransientError: where Airflow does not answer
        :raises COSInventoryConfigurationError: where the Variable holds something else
        """
        text = await self._get(self.name)
        if not text:
            await self._check_reading()
            text = await self._get(self.name)
        return Watermark.from_json(text, parameter=f"Variable {shown(self.name)}") if text else None

    async def write(self, watermark: Watermark) -> None:
        """
        Keep a watermark.

        :raises COSInventoryTransientError: where Airflow does not answer, or another text is read than was written
        """
        await self._set(self.name, watermark.as_json(), self.description)

    async def _check_reading(self) -> None:
        probe = f"{self.name}_probe"
        await self._set(probe, _PROBE, _PROBE)
        await _call(Variable.delete, probe)

    async def _get(self, name: str) -> Any:
        return await _call(Variable.get, name, default=None)

    async def _set(self, name: str, text: str, description: str) -> None:
        await _call(Variable.set, name, text, description=description)
        if await self._get(name) != text:
            raise COSInventoryTransientError(
                f"The Airflow Variable {shown(name)} was written, and is not read as it was.",
                hint="Check Airflow's API server and its database. Where the environment or another secrets backend "
                "has a Variable of this name, delete it there.",
            )


async def _call(method: Callable[..., Any], name: str, *values: str, **options: Any) -> Any:
    try:
        # The SDK's Variable is blocking, and asynchronous from Airflow 3.4 only.
        return await sync_to_async(method)(name, *values, **options)
    # A PermissionError is what Airflow 3.3 raises where the API server denies access.
    except (AirflowRuntimeError, PermissionError) as error:
        raise COSInventoryTransientError(
            f"Airflow could not {method.__name__} the Variable {shown(name)}.",
            hint=f"Check Airflow's API server: {shown(error)}",
        ) from error
