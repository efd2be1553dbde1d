# SPDX-License-Identifier: Apache-2.0
"""One request from its first byte to its answer: faults, signature, permission, body, handling."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from anyio import sleep, to_thread

from airflow_provider_cosinv.emulator.api.actions import Action
from airflow_provider_cosinv.emulator.api.signature import check_signature, check_times, find_signature
from airflow_provider_cosinv.emulator.errors import COSError
from airflow_provider_cosinv.emulator.http import COSRequest, ReceivedBody, Reply, text_reply

if TYPE_CHECKING:
    from airflow_provider_cosinv.emulator.faults import Fault
    from airflow_provider_cosinv.emulator.state import Emulation


class ConnectionReset(Exception):  # noqa: N818  an instruction to the network side, not an error
    """The connection is to be dropped without an answer."""


async def answer(
    emulation: Emulation, request: COSRequest, action: Action, fault: Fault | None, chunks: AsyncIterator[bytes]
) -> Reply:
    """
    Answer a request.

    :param fault: what meets the request
    :param chunks: the request's body
    :raises COSError: an answer that is an error
    :raises ConnectionReset: where a fault asks for it
    """
    if fault is None:
        return await _handle(emulation, request, action, chunks)
    await sleep(fault.delay)
    if fault.reset == "before":
        raise ConnectionReset
    if fault.answers and not fault.handle:
        reply = _scripted(fault)
    else:
        reply = await _handle(emulation, request, action, chunks)
    await sleep(fault.delay_after)
    if fault.reset == "after":
        raise ConnectionReset
    if fault.answers and fault.handle:
        reply = _scripted(fault)
    return fault.spoil(reply)


def _scripted(fault: Fault) -> Reply:
    if fault.body is None and fault.code is not None:
        raise COSError(fault.code, fault.message, status=fault.status, headers=dict(fault.headers))
    return text_reply((fault.body or "").encode(), status=fault.status or 200, content_type=fault.content_type)


async def _handle(emulation: Emulation, request: COSRequest, action: Action, chunks: AsyncIterator[bytes]) -> Reply:
    _authorise(emulation, request, action)
    request.body = await _receive(emulation, request, chunks)
    emulation.jobs.settle()
    try:
        if action.slow:
            reply = await to_thread.run_sync(action.handle, emulation, request)
        else:
            reply = action.handle(emulation, request)
    except COSError as error:
        if action.name in ("GetObject", "HeadObject") and error.code == "NoSuchKey":
            emulation.jobs.missed(request.bucket, request.key)
        raise
    if action.name == "GetBucket":
        emulation.jobs.missed(request.bucket, request.params.get("prefix", ""))
    return reply


def _authorise(emulation: Emulation, request: COSRequest, action: Action) -> None:
    signature = find_signature(request.headers, request.query)
    if signature is None:
        raise COSError("AccessDenied", "The request has no signature.")
    caller = emulation.credentials.find(signature.secret_id)
    now = emulation.clock.now()
    token = request.headers.get("x-cos-security-token") or request.params.get("x-cos-security-token")
    caller.check_token(token, now=now)
    check_times(signature, now=now, date=request.headers.get("date"))
    check_signature(
        signature,
        secret_key=caller.secret_key,
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
    )
    if not caller.may(f"cos:{action.name}", request.bucket, request.key):
        raise COSError("AccessDenied", f"Access Denied. (cos:{action.name})")


async def _receive(emulation: Emulation, request: COSRequest, chunks: AsyncIterator[bytes]) -> ReceivedBody:
    stated = _stated_md5(request.headers.get("content-md5"))
    writer = emulation.spool.writer()
    try:
        async for chunk in chunks:
            writer.write(chunk)
        body = writer.finish()
    except BaseException:
        # The client is gone, or the server stops: what came so far is of no use.
        writer.discard()
        raise
    if stated is not None and stated != writer.md5:
        raise COSError("BadDigest")
    return ReceivedBody(body, writer.size, writer.md5, writer.crc64)


def _stated_md5(header: str | None) -> bytes | None:
    if header is None:
        return None
    try:
        digest = base64.b64decode(header.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise COSError("InvalidDigest") from None
    if len(digest) != 16:  # noqa: PLR2004  an MD5
        raise COSError("InvalidDigest")
    return digest
