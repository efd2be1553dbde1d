# SPDX-License-Identifier: Apache-2.0
"""
Sends requests through the SDK: its signing and its connections, nothing else of it.

The SDK's own methods evaluate answers, drop the JobId, call a redirect a success and send a POST again without
telling (see its ``send_request``). So answers are taken raw here and judged by :mod:`.protocol.responses`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPException

import requests
from qcloud_cos import CosClientError, CosConfig, CosS3Auth, CosS3Client
from urllib3.exceptions import HTTPError

from airflow_provider_cosinv import __version__
from airflow_provider_cosinv.cos.credentials.keys import Credentials
from airflow_provider_cosinv.cos.credentials.provider import PARAMETER
from airflow_provider_cosinv.cos.credentials.shared import credentials_of
from airflow_provider_cosinv.cos.network.errors import network_error
from airflow_provider_cosinv.cos.network.pace import paced
from airflow_provider_cosinv.cos.protocol.endpoint import request_host, request_url, signed_path
from airflow_provider_cosinv.cos.protocol.operations import COSRequest
from airflow_provider_cosinv.cos.protocol.responses import ERROR_LIMIT, Answer, received_headers
from airflow_provider_cosinv.cos.sdk_logging import own_request, silence_sdk
from airflow_provider_cosinv.cos.session import Session, UnrecordedError, before_sending, mark_unsent, was_sent
from airflow_provider_cosinv.cos.settings import ClientSettings
from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, COSInventoryTransientError

silence_sdk()

_PIECE = 64 * 1024

#: What reading a body can raise.
READ_ERRORS = (HTTPError, HTTPException, OSError)


class Transport:
    """
    The way to COS for the sync client. Threads may share it.

    :param settings: of the client
    """

    def __init__(self, *, settings: ClientSettings) -> None:
        self._settings = settings
        self._session = Session(proxies=settings.proxies, verify_ssl=settings.verify_ssl)
        self._signing: tuple[Credentials, CosConfig, CosS3Client] | None = None

    def _sdk(self) -> tuple[CosConfig, CosS3Client]:
        """Return the SDK's parts for the credentials of now; what the SDK can renew itself leaves out the token."""
        settings, signing = self._settings, self._signing
        credentials = credentials_of(settings.credentials)
        if signing is not None and signing[0] == credentials:
            return signing[1:]
        # No Scheme: the SDK is handed whole URLs, and takes this one word in lower case only.
        config = CosConfig(
            Region=settings.region,
            SecretId=credentials.secret_id,
            SecretKey=credentials.secret_key,
            Token=credentials.token,
            Timeout=settings.timeout,
            UA=f"airflow-provider-cosinv/{__version__}",
        )
        # Own session: the SDK's is shared by every user of the SDK in the process, and asks the environment. No
        # retries: tenacity decides.
        sdk = CosS3Client(config, retry=0, session=self._session)
        self._signing = (credentials, config, sdk)
        return config, sdk

    def open(self, request: COSRequest, *, on_sending: Callable[[], None] | None = None) -> requests.Response:
        """
        Send a request and return the answer with its body unread, whatever the status; the caller closes it.

        :param on_sending: called before the first byte of the request leaves
        :raises UnrecordedError: if that call failed
        :raises COSInventoryTransientError: where no answer came
        :raises COSInventoryConfigurationError: where the request cannot be sent at all
        :raises COSInventoryError: where the source of the credentials issues none
        """
        settings = self._settings
        config, sdk = self._sdk()
        url = request_url(settings, request.bucket, request.key, request.params)
        # Identity: an object stored with Content-Encoding gzip shall arrive as it is stored.
        headers = {"Host": request_host(settings, request.bucket), "Accept-Encoding": "identity", **request.headers}
        body = {} if request.body is None else {"data": request.body}
        # The session asks itself again; here its error is not the SDK's yet.
        self._session.way_to(url)
        try:
            with own_request(), before_sending(on_sending):
                return sdk.send_request(  # type: ignore[no-any-return]  # the SDK has no types
                    method=request.operation.method,
                    url=url,
                    bucket=request.bucket,
                    auth=CosS3Auth(config, signed_path(request.key), dict(request.params)),
                    headers=headers,
                    stream=True,
                    cos_request=False,
                    **body,
                )
        except CosClientError as error:
            if isinstance(error.__context__, UnrecordedError):
                raise error.__context__ from error.__context__.__cause__
            # The SDK keeps only the text of the cause; Python keeps the cause.
            fault = self._fault(error.__context__ or error, request)
        # Not from the cause: it holds the request with its signature, and a proxy's password.
        raise fault

    def exchange(self, request: COSRequest, *, limit: int, on_sending: Callable[[], None] | None = None) -> Answer:
        """
        Send a request and return its whole answer, whatever the status.

        :param limit: bytes that are read at most of a successful answer; an error document is read in any case
        :param on_sending: called before the first byte of the request leaves
        :raises UnrecordedError: if that call failed
        :raises COSInventoryTransientError: where no answer came
        """
        with paced(self._settings.timeout):
            return self._exchange(request, limit, on_sending)

    def _exchange(self, request: COSRequest, limit: int, on_sending: Callable[[], None] | None) -> Answer:
        response = self.open(request, on_sending=on_sending)
        headers = headers_of(response)
        if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
            limit = ERROR_LIMIT
        body = bytearray()
        cut_by: BaseException | None = None
        try:
            while len(body) <= limit and (piece := response.raw.read(_PIECE, decode_content=False)):
                body += piece
        except READ_ERRORS as error:
            cut_by = error
        finally:
            response.close()
        answer = Answer(
            status=response.status_code,
            headers=headers,
            body=bytes(body[:limit]),
            is_cut=cut_by is not None,
            cut_by=cut_by,
            is_too_long=len(body) > limit,
        )
        announced = answer.content_length()
        if request.operation.method != "HEAD" and announced is not None and len(body) < min(announced, limit):
            # Older releases of urllib3 do not notice.
            return replace(answer, is_cut=True)
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _fault(self, cause: BaseException, request: COSRequest) -> Exception:
        if isinstance(cause, requests.RequestException):
            if isinstance(cause, ValueError):
                # A URL, header or proxy that requests refuses to use.
                return COSInventoryConfigurationError(
                    f"{request.operation.title} cannot be sent ({type(cause).__name__}).",
                    bucket=request.bucket,
                    key=request.key,
                    hint="Check endpoint_url of the connection.",
                )
            fault = network_error(cause, request, self._settings)
            if not was_sent(cause):
                mark_unsent(fault)
            return fault
        # A bug, here or in the SDK, and no fault of the network: shown as it is.
        return cause if isinstance(cause, Exception) else RuntimeError(str(cause))


def may_have_arrived(error: COSInventoryTransientError) -> bool:
    """
    Return whether COS may have done what a failed request asked for.

    Not where no connection came about, not where COS answered that it would not, and not where nobody issued the
    credentials to sign with.
    """
    if error.parameter == PARAMETER:
        return False
    if error.status is not None:
        return error.status >= 500 and error.code != "SlowDown"  # noqa: PLR2004  the server's faults
    return was_sent(error)


def headers_of(response: requests.Response) -> dict[str, str]:
    """Return the headers, see :func:`~.answers.received_headers`."""
    return received_headers(response.headers.items())
