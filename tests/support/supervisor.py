# SPDX-License-Identifier: Apache-2.0
"""The supervisor of a triggerer, played as far as Variables go: Airflow's own Variable asks it over its own way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import (
    DeleteVariable,
    ErrorResponse,
    GetVariable,
    OKResponse,
    PutVariable,
    VariableResult,
)


class Supervisor:
    """
    Keeps Variables.

    ``kept`` holds them; ``fails`` says by the request which ones fail, ``failure`` how, and ``failed`` counts those.
    Where its database fails, the API server answers ``VARIABLE_NOT_FOUND``.
    """

    def __init__(self) -> None:
        self.kept: dict[str, str | None] = {}
        self.fails: Callable[[Any], bool] = lambda _: False
        self.failure = ErrorType.API_SERVER_ERROR
        self.failed = 0

    def send(self, request: Any) -> Any:
        """Answer a request of the SDK."""
        if isinstance(request, (GetVariable, PutVariable, DeleteVariable)) and self.fails(request):
            self.failed += 1
            error = ErrorResponse(error=self.failure, detail={"key": request.key})
            if self.failure is ErrorType.API_SERVER_ERROR:
                raise AirflowRuntimeError(error)
            return error
        if isinstance(request, GetVariable):
            if request.key in self.kept:
                return VariableResult(key=request.key, value=self.kept[request.key])
            return ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND, detail={"key": request.key})
        if isinstance(request, PutVariable):
            self.kept[request.key] = request.value
        elif isinstance(request, DeleteVariable):
            self.kept.pop(request.key, None)
        # Any other one masks a secret in its logs.
        return OKResponse(ok=True)

    async def asend(self, request: Any) -> Any:
        """Answer a request of the SDK that does not block."""
        return self.send(request)
