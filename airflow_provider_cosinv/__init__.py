# SPDX-License-Identifier: Apache-2.0
"""Apache Airflow provider for Tencent Cloud COS bucket inventory."""

from __future__ import annotations

import re
from importlib import metadata

__version__ = "0.1.0"

_FLOOR = (3, 1)


def _check_airflow() -> None:
    """
    Refuse an Airflow that lacks what is needed, in one line instead of an import error somewhere inside.

    Every process of Airflow loads this module, so the installed version is read, and Airflow not imported. Where there
    is no Airflow, the emulator and the package ``inventory`` work alone.
    """
    # Airflow 2 is one distribution; that of Airflow 3 brings the other one.
    for name in ("apache-airflow-core", "apache-airflow"):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        numbers = re.match(r"(\d+)\.(\d+)", found)
        if numbers and (int(numbers[1]), int(numbers[2])) < _FLOOR:
            raise RuntimeError(
                f"airflow-provider-cosinv {__version__} needs Apache Airflow 3.1 or later; this is {found}. "
                "Upgrade Airflow, or uninstall airflow-provider-cosinv."
            )
        return


_check_airflow()
