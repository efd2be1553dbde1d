# SPDX-License-Identifier: Apache-2.0
"""The async client of COS, for the triggerer: the few calls that a wait polls with."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TypeVar, final
from xml.etree.ElementTree import Element

import aiohttp
from tenacity import AsyncRetrying
from yarl import URL

from airflow_provider_cosinv.cos.async_session import SharedSession, shared_session
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.credentials.shared import credentials_at_hand
from airflow_provider_cosinv.cos.network.errors import network_error
from airflow_provider_cosinv.cos.network.pace import Pace, SlowAnswerError, time_allowed
from airflow_provider_cosinv.cos.network.route import Route, place_of, route_to
from airflow_provider_cosinv.cos.network.tls import tls_context
from airflow_provider_cosinv.cos.protocol import operations
from airflow_provider_cosinv.cos.protocol.endpoint import request_host, request_url, signed_path
from airflow_provider_cosinv.cos.protocol.listing import folders, last_key, next_marker
from airflow_provider_cosinv.cos.protocol.models import BucketInfo, ObjectContent, ObjectDigest
from airflow_provider_cosinv.cos.protocol.operations import COSRequest
from airflow_provider_cosinv.cos.protocol.responses import (
    ERROR_LIMIT,
    PAGE_LIMIT,
    Answer,
    check_success,
    check_whole,
    checked_document,
    cut_short,
    object_info,
    received_headers,
    too_long,
    unusable_page,
)
from airflow_provider_cosinv.cos.protocol.retry import RetryPolicy
from airflow_provider_cosinv.cos.protocol.signature import Signer
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.exceptions import (
    COSInventoryConfigurationError,
    COSInventoryRequestError,
    COSInventoryTransientError,
    shown,
)
from airflow_provider_cosinv.inventory.xml import XMLError, XMLReader

_T = TypeVar("_T")
_DEFAULT_POLICY = RetryPolicy()
_PIECE = 64 * 1024
# Folders that are decoded before others have a turn.
_FOLDERS = 50
#: Pages of folders that are listed at most: 100,000 folders.
MAX_PAGES = 100
# asyncio.TimeoutError is no OSError on Python 3.10.
_FAULTS = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


@final
class AsyncCOSClient:
    """
    Reads reports from an event loop. It raises the same errors as :class:`~.client.COSClient`.

    As a context manager it keeps the event loop's shared session open; without that, each call does so for itself.

    :param settings: credentials, region and the way there
    :param retry_policy: how often and how patiently a request is sent again
    """

    def __init__(self, *, settings: ClientSettings, retry_policy: RetryPolicy = _DEFAULT_POLICY) -> None:
        self.settings = settings
        self.retry_policy = retry_policy
        self._signer: Signer | None = None
        self._routes: dict[str, Route] = {}
        self._held: SharedSession | None = None

    async def __aenter__(self) -> AsyncCOSClient:
        """Hold the shared session until the block is left."""
        self._held = shared_session()
        await self._held.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of the shared session."""
        if self._held is not None:
            await self._held.__aexit__(kind, error, traceback)

    async def head_bucket(self, bucket: str) -> BucketInfo:
        """
        Return what COS tells about a bucket, once it exists and may be read (436/7735).

        Needs ``name/cos:HeadBucket``.

        :param bucket: full name
        """
        request = COSRequest(operation=operations.HEAD_BUCKET, bucket=bucket)

        async def attempt() -> BucketInfo:
            async with self._open(request, 0) as (answer, _):
                return BucketInfo(region=answer.headers.get("x-cos-bucket-region") or None)

        return await self._retrying(attempt)

    async def get_object(self, bucket: str, key: str, *, max_bytes: int) -> ObjectContent:
        """
        Return a whole object, as it is stored (436/7753).

        Needs ``name/cos:GetObject``.

        :param max_bytes: that are held at most
        :raises COSInventoryRequestError: where the object is longer
        """
        request = COSRequest(operation=operations.GET_OBJECT, bucket=bucket, key=key)

        async def attempt() -> ObjectContent:
            body = bytearray()
            async with self._open(request, max_bytes) as (answer, response):
                check_whole(answer, request)
                async for piece in self._pieces(request, answer, response, max_bytes):
                    body += piece
            return ObjectContent(body=bytes(body), info=object_info(answer))

        return await self._retrying(attempt)

    async def digest_object(self, bucket: str, key: str, *, max_bytes: int, keep: bool = False) -> ObjectDigest:
        """
        Return the MD5 of a whole object as it is stored, in bounded memory (436/7753).

        Needs ``name/cos:GetObject``.

        :param max_bytes: that are read at most
        :param keep: return the object, too, in pieces: to join or copy a large one would hold up the event loop
        :raises COSInventoryRequestError: where the object is longer
        """
        request = COSRequest(operation=operations.GET_OBJECT, bucket=bucket, key=key)

        async def attempt() -> ObjectDigest:
            md5 = hashlib.md5(usedforsecurity=False)
            size = 0
            kept: list[bytes] = []
            last = bytearray()
            async with self._open(request, max_bytes) as (answer, response):
                check_whole(answer, request)
                async for piece in self._pieces(request, answer, response, max_bytes):
                    md5.update(piece)
                    size += len(piece)
                    if keep:
                        last += piece
                    # Not each as it came: those of a slow sender have a few bytes.
                    if len(last) >= _PIECE:
                        kept.append(bytes(last))
                        last.clear()
            kept.append(bytes(last))
            return ObjectDigest(md5_hex=md5.hexdigest(), size=size, info=object_info(answer), pieces=tuple(kept))

        return await self._retrying(attempt)

    async def list_prefixes(
        self,
        bucket: str,
        *,
        prefix: str,
        delimiter: str = "/",
        marker: str = "",
        wanted: Callable[[str], bool] = lambda _: True,
    ) -> list[str]:
        """
        Return the "folders" of a bucket whose names begin with a prefix, of all pages (436/7734).

        Needs ``name/cos:GetBucket``.

        :param prefix: what the keys begin with
        :param delimiter: up to which the rest of a key is summed up
        :param marker: only keys after it
        :param wanted: whether a folder is returned; the others of a page are forgotten with it
        :raises COSInventoryRequestError: if there are more than :data:`MAX_PAGES` pages: who may write to the bucket
            can make any number of folders
        """
        params = {"prefix": prefix, "delimiter": delimiter, "encoding-type": "url"}
        prefixes: list[str] = []
        for _ in range(MAX_PAGES):
            request = COSRequest(
                operation=operations.LIST_OBJECTS,
                bucket=bucket,
                params={**params, "marker": marker} if marker else params,
            )
            answer, page = await self._page(request)
            last = last_key(page)
            for number, folder in enumerate(folders(page)):
                last = max(last, folder)
                if wanted(folder):
                    prefixes.append(folder)
                if number % _FOLDERS == 0:
                    # Decoding all of a page would hold the event loop.
                    await asyncio.sleep(0)
            try:
                following = next_marker(page, [last] if last else [])
            except ValueError as error:
                raise unusable_page(answer, request, error) from error
            if following is None:
                return prefixes
            if following == marker:
                raise unusable_page(answer, request, "the next page is the one before")
            marker = following
        raise COSInventoryRequestError(
            f"More than {MAX_PAGES} pages of folders begin with {shown(prefix)}.",
            bucket=bucket,
            hint="Nothing of COS makes so many: find out who writes there, and delete them.",
        )

    async def _page(self, request: COSRequest) -> tuple[Answer, Element]:
        async def attempt() -> tuple[Answer, Element]:
            reader, is_readable = XMLReader(), True
            async with self._open(request, PAGE_LIMIT) as (answer, response):
                # Parsed piece by piece: a whole page would hold the event loop.
                async for piece in self._pieces(request, answer, response, PAGE_LIMIT):
                    try:
                        reader.feed(piece)
                    except XMLError:
                        is_readable = False
                        break
            root = _closed(reader) if is_readable else None
            document = checked_document(root, answer, request, "ListBucketResult", region=self.settings.region)
            return answer, document

        return await self._retrying(attempt)

    async def _retrying(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        try:
            # Nearly always enough, and tenacity takes as long as a quarter of a poll.
            return await attempt()
        except COSInventoryTransientError as error:
            failed: list[COSInventoryTransientError] = [error]

        async def attempt_again() -> _T:
            if failed:
                raise failed.pop()
            return await attempt()

        # One object per call: tenacity keeps the state of a call in it.
        return await AsyncRetrying(**self.retry_policy.arguments())(attempt_again)

    @asynccontextmanager
    async def _open(self, request: COSRequest, max_bytes: int) -> AsyncIterator[tuple[Answer, aiohttp.ClientResponse]]:
        """
        Send a request and give a successful answer with its body unread.

        :param max_bytes: of the body; the whole of it, and what goes before, has the time for so many
        """
        seconds = self.settings.timeout
        timeout = aiohttp.ClientTimeout(total=time_allowed(seconds, max_bytes), sock_connect=seconds, sock_read=seconds)
        url = request_url(self.settings, request.bucket, request.key, request.params)
        route = self._route_to(url)
        tls = await tls_context(route.roots) if route.uses_tls else True
        credentials = await credentials_at_hand(self.settings.credentials)
        headers = self._headers(request, credentials)
        for_proxy = None
        if route.proxy and route.proxy.authorization:
            for_proxy = {"Proxy-Authorization": route.proxy.authorization}
            if url.startswith("http:"):
                # There is no tunnel: the proxy reads the request's own headers, and takes this one out.
                headers |= for_proxy
        fault: Exception | None = None
        async with shared_session() as session:
            try:
                response = await session.request(
                    request.operation.method,
                    # Encoded already: the path that is sent is the one that is signed.
                    URL(url, encoded=True),
                    headers=headers,
                    allow_redirects=False,
                    ssl=tls,
                    proxy=route.proxy.url if route.proxy else None,
                    proxy_headers=for_proxy,
                    timeout=timeout,
                )
            except _FAULTS as error:
                fault = self._fault(error, request)
            if fault is not None:
                # Not from the cause: it may hold the request's headers, with the password of a proxy.
                raise fault
            # Leaving the block gives the connection back, or closes it where the body was not read to its end.
            async with response:
                answer = Answer(status=response.status, headers=received_headers(response.headers.items()))
                if not answer.is_success:
                    answer = Answer(status=answer.status, headers=answer.headers, body=await _error_body(response))
                check_success(answer, request, region=self.settings.region)
                yield answer, response

    async def _pieces(
        self, request: COSRequest, answer: Answer, response: aiohttp.ClientResponse, max_bytes: int
    ) -> AsyncIterator[bytes]:
        announced = answer.content_length()
        if announced is not None and announced > max_bytes:
            raise too_long(answer, request, max_bytes)
        size = 0
        pace = Pace(self.settings.timeout)
        try:
            async for piece in response.content.iter_chunked(_PIECE):
                size += len(piece)
                if size > max_bytes:
                    raise too_long(answer, request, max_bytes)
                pace.received(len(piece))
                pace.check()
                yield piece
        except _FAULTS as error:
            # Not from the cause: aiohttp's text has several lines, and may quote what came.
            raise self._fault(error, request) from None
        if announced is not None and size < announced:
            raise cut_short(answer, request)

    def _headers(self, request: COSRequest, credentials: Credentials) -> dict[str, str]:
        headers = {"Host": request_host(self.settings, request.bucket), "Accept-Encoding": "identity"}
        headers.update(request.headers)
        if credentials.token is not None:
            headers["x-cos-security-token"] = credentials.token
        if self._signer is None or self._signer.credentials != credentials:
            self._signer = Signer(credentials=credentials)
        headers["Authorization"] = self._signer.authorization(
            method=request.operation.method,
            path=signed_path(request.key),
            params=request.params,
            headers=headers,
        )
        return headers

    def _route_to(self, url: str) -> Route:
        place = place_of(url)
        if place not in self._routes:
            # Decided once a host: reading the environment takes longer than signing.
            self._routes[place] = route_to(
                url, proxies=self.settings.proxies, verify_ssl=self.settings.verify_ssl, environment=os.environ
            )
        return self._routes[place]

    def _fault(self, error: BaseException, request: COSRequest) -> Exception:
        # Not every ValueError: a certificate that is refused is one.
        if isinstance(error, aiohttp.InvalidURL):
            return COSInventoryConfigurationError(
                f"{request.operation.title} cannot be sent ({type(error).__name__}).",
                bucket=request.bucket,
                key=request.key,
                hint="Check endpoint_url of the connection.",
            )
        return network_error(_cause_of(error), request, self.settings)


def _cause_of(error: BaseException) -> BaseException:
    """Return the fault as it is told: the time of a whole answer is no fault of its own to aiohttp."""
    if not isinstance(error, asyncio.TimeoutError) or isinstance(error, (aiohttp.ServerTimeoutError, SlowAnswerError)):
        return error
    return SlowAnswerError()


def _closed(reader: XMLReader) -> Element | None:
    try:
        return reader.close()
    except XMLError:
        return None


async def _error_body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    try:
        async for piece in response.content.iter_chunked(_PIECE):
            body += piece
            if len(body) > ERROR_LIMIT:
                break
    except _FAULTS:
        # The status alone tells enough.
        return b""
    return bytes(body)
