# SPDX-License-Identifier: Apache-2.0
"""What a poll is made of, measured apart: its signature, and the request with nothing around it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.waiting.case import DESTINATION, Case
from benchmarks.waiting.ways import DATE, prefix

_SIGNATURES = 5_000
_REQUESTS = 400
_RATE = 200


def signing_microseconds(case: Case) -> float:
    """Return the CPU of one signature, microseconds."""
    signer, headers = _signer(case)
    began = time.process_time()
    for number in range(_SIGNATURES):
        signer.authorization(method="GET", path=f"/{prefix(number)}", params={}, headers=headers)
    return 1e6 * (time.process_time() - began) / _SIGNATURES


async def http_microseconds(case: Case) -> float:
    """Return the CPU of one request, signed before and sent by aiohttp alone; those of a second together, as waits'."""
    from yarl import URL

    from airflow_provider_cosinv.cos.async_session import shared_session
    from airflow_provider_cosinv.cos.network.tls import tls_context
    from airflow_provider_cosinv.waiting.pacing import PLACES

    signer, headers = _signer(case)
    tls = await tls_context((case.connection["extra"]["verify_ssl"],))
    signed = []
    for number in range(_REQUESTS):
        path = f"/{prefix(number)}/{DATE}/manifest.checksum"
        value = signer.authorization(method="GET", path=path, params={}, headers=headers)
        signed.append((URL(case.url + path, encoded=True), {**headers, "Authorization": value}))

    places = asyncio.Semaphore(PLACES)

    async def send(session: Any, delay: float, url: URL, with_headers: dict[str, str]) -> None:
        await asyncio.sleep(delay)
        async with places, session.get(url, headers=with_headers, ssl=tls) as response:
            await response.read()
            if response.status != 404:
                raise RuntimeError(f"The emulator answers {response.status}.")

    async with shared_session() as session:
        await send(session, 0, *signed[0])
        began = time.process_time()
        await asyncio.gather(*(send(session, number // _RATE, *one) for number, one in enumerate(signed)))
        return 1e6 * (time.process_time() - began) / _REQUESTS


def _signer(case: Case) -> tuple[Any, dict[str, str]]:
    from airflow_provider_cosinv.cos.credentials.keys import Credentials
    from airflow_provider_cosinv.cos.protocol.signature import Signer

    credentials = Credentials(secret_id=case.connection["login"], secret_key=case.connection["password"])
    host = f"{DESTINATION}.cos.ap-guangzhou.myqcloud.com"
    return Signer(credentials=credentials), {"Host": host, "Accept-Encoding": "identity"}
