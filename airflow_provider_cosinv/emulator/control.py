# SPDX-License-Identifier: Apache-2.0
"""
The control path: what a test or a demo asks of the emulator itself, over HTTP and JSON.

It answers at the emulator's own address (``http://127.0.0.1:PORT/_emulator/...``), to this machine only, without
a signature. Every request with a body is JSON and says so in its Content-Type.

==========================================  =====================================================================
``GET /_emulator/health``                   ``{"status": "ok"}``, at once
``GET /_emulator/state``                    buckets with objects, bytes, accepted POSTs and rules; all jobs
``GET /_emulator/jobs/JOB_ID``              one job (a JobId with ``/`` or ``+`` is percent-encoded)
``POST /_emulator/jobs/JOB_ID/deliver``     make a scanned job's report visible now
``POST /_emulator/rules/deliver``           ``{"bucket": ..., "inventory_id": ...}``: take a rule's inventory now and
                                            deliver it; answers the job
``POST /_emulator/buckets``                 ``{"name": ..., "region": ..., "versioning": ..., "accepts_reports": ...,
                                            "objects": ...}``; all but the name may be missing
``GET, POST, DELETE /_emulator/faults``     list them; add one or a list of them (:class:`.faults.Fault`, by parameter
                                            name); forget all
``POST /_emulator/clock``                   ``{"offset": 3600}``: seconds ahead of the machine's clock
``POST /_emulator/credentials``             ``{"secret_id": ..., "secret_key": ..., "token": ..., "expires_in": ...,
                                            "allow": ["cos:GetObject on logs-1250000000"], "deny": [...]}``
==========================================  =====================================================================

A wrong value answers 400 with ``{"error": "..."}``, an unknown job, rule or bucket 404.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_cosinv.emulator.credentials import Credential, permissions
from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.faults import Fault
from airflow_provider_cosinv.emulator.storage.synthetic import SyntheticCatalogue

if TYPE_CHECKING:
    from airflow_provider_cosinv.emulator.state import Emulation

PATH = "/_emulator"


def control_app(emulation: Emulation) -> Starlette:
    """Return the control path as an application."""
    control = _Control(emulation)
    routes = (
        ("/health", control.health, ["GET"]),
        ("/state", control.state, ["GET"]),
        ("/jobs/{job_id:path}/deliver", control.deliver_job, ["POST"]),
        ("/jobs/{job_id:path}", control.job, ["GET"]),
        ("/rules/deliver", control.deliver_rule, ["POST"]),
        ("/buckets", control.create_bucket, ["POST"]),
        ("/faults", control.faults, ["GET", "POST", "DELETE"]),
        ("/clock", control.clock, ["POST"]),
        ("/credentials", control.add_credential, ["POST"]),
    )
    return Starlette(routes=[Route(PATH + path, _guarded(handle), methods=methods) for path, handle, methods in routes])


def describe(emulation: Emulation) -> dict[str, Any]:
    """Return buckets, counts and jobs as JSON."""
    buckets = []
    for bucket in emulation.store.all():
        objects, size = bucket.totals()
        buckets.append(
            {
                "name": bucket.name,
                "region": bucket.region,
                "versioning": bucket.versioning,
                "accepts_reports": bucket.accepts_reports,
                "objects": objects,
                "bytes": size,
                "uploads": len(emulation.uploads.of(bucket.name)),
                "accepted_posts": emulation.inventories.accepted_posts(bucket.name),
                "rules": [rule.inventory_id for rule in emulation.inventories.rules(bucket)],
            }
        )
    return {
        "time": emulation.clock.now(),
        "buckets": buckets,
        "jobs": [job.as_dict() for job in emulation.jobs.all()],
    }


class _Control:
    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    async def health(self, request: Request) -> Response:  # noqa: ARG002  Starlette's signature
        return JSONResponse({"status": "ok"})

    async def state(self, request: Request) -> Response:  # noqa: ARG002
        return JSONResponse(await to_thread.run_sync(describe, self._emulation))

    async def job(self, request: Request) -> Response:
        job = self._emulation.jobs.find(request.path_params["job_id"])
        return JSONResponse(job.as_dict()) if job else _refused("There is no such job.", status=404)

    async def deliver_job(self, request: Request) -> Response:
        job = self._emulation.jobs.find(request.path_params["job_id"])
        if job is None:
            return _refused("There is no such job.", status=404)
        await to_thread.run_sync(job.scanned.wait)
        self._emulation.jobs.deliver(job)
        return JSONResponse(job.as_dict())

    async def deliver_rule(self, request: Request) -> Response:
        data = await _json(request)
        bucket = self._emulation.store.find(str(data["bucket"]))
        job = await to_thread.run_sync(self._emulation.inventories.run_rule, bucket, str(data["inventory_id"]))
        return JSONResponse(job.as_dict())

    async def create_bucket(self, request: Request) -> Response:
        data = await _json(request)
        objects = data.pop("objects", None)
        catalogue = SyntheticCatalogue(int(objects)) if objects is not None else None
        bucket = self._emulation.create_bucket(data.pop("name"), catalogue=catalogue, **data)
        return JSONResponse({"name": bucket.name, "region": bucket.region}, status_code=201)

    async def faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._emulation.faults.clear()
        elif request.method == "POST":
            data = await request.json()
            for fault in [Fault.from_dict(one) for one in (data if isinstance(data, list) else [data])]:
                self._emulation.faults.add(fault)
        return JSONResponse(self._emulation.faults.report())

    async def clock(self, request: Request) -> Response:
        self._emulation.clock.offset = float((await _json(request))["offset"])
        return JSONResponse({"time": self._emulation.clock.now()})

    async def add_credential(self, request: Request) -> Response:
        data = await _json(request)
        expires_in = data.get("expires_in")
        self._emulation.credentials.add(
            Credential(
                secret_id=str(data["secret_id"]),
                secret_key=str(data["secret_key"]),
                token=data.get("token"),
                expires_at=None if expires_in is None else self._emulation.clock.now() + float(expires_in),
                allow=permissions(data.get("allow", ["cos:*"])),
                deny=permissions(data.get("deny", [])),
            )
        )
        return JSONResponse({"secret_id": data["secret_id"]}, status_code=201)


async def _json(request: Request) -> dict[str, Any]:
    data = await request.json()
    if not isinstance(data, dict):
        raise TypeError("The body must be a JSON object.")
    return data


def _refused(reason: str, *, status: int = 400) -> Response:
    return JSONResponse({"error": reason}, status_code=status)


def _guarded(handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        # A page in a browser can send a form or a text anywhere, but JSON only where it is invited to.
        content_type = request.headers.get("content-type", "").partition(";")[0]
        if await request.body() and content_type != "application/json":
            return _refused("The Content-Type must be application/json.", status=415)
        try:
            return await handle(request)
        except COSError as error:
            return _refused(f"{error.code}: {error.message}", status=error.status)
        except KeyError as error:
            return _refused(f"The body lacks {error}.")
        except (TypeError, ValueError) as error:
            return _refused(str(error))

    return guarded
