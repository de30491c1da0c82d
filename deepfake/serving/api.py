"""The HTTP API of `deepfake serve`: a file in, the JSON of `deepfake predict --json` out."""

import asyncio
import json
import os
import signal
from contextlib import suppress
from functools import partial
from typing import Any, Literal

import uvicorn
from anyio import to_thread
from fastapi import FastAPI, File, HTTPException, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse

from deepfake.base.errors import DeepfakeError
from deepfake.model.operating_points import OperatingPointError
from deepfake.predict.output import as_json
from deepfake.serving.html import api_page
from deepfake.serving.queue import QueueFullError
from deepfake.serving.service import Service
from deepfake.serving.uploads import TooLargeError, delete_uploads_of

NO_POINT, TOO_LARGE, TOO_SLOW, BUSY = 400, 413, 408, 503  # HTTP statuses
FORM_BYTES = 64 * 1024  # of a multipart form around its file
STALLED_SECONDS = 20.0  # without a byte of the body; then the upload is refused
RETRY_SECONDS = 10
MAX_HEADER_BYTES = 16 * 1024  # of all headers of a request
MAX_CONNECTIONS = 64
SHUTDOWN_SECONDS = 3  # for running requests to finish
HEADERS = {  # of every response that the server sends, whoever made it
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
}
DESCRIPTION = (
    "REAL, FAKE or UNDECIDED for an image or a video, with the score of each person in it. A score is"
    " a statistical hint, not a proof."
)


def create_app(service: Service) -> FastAPI:
    """The application.

    POST /predict gives the result for a file, GET / and /docs document the API for people and
    GET /openapi.json for programs, and GET /health gives the state of the server.
    """
    default = service.detector.operating_point.name
    app = FastAPI(title="Deepfake detector", description=DESCRIPTION, docs_url=None, redoc_url=None)

    async def predict(
        file: list[UploadFile] = File(max_length=1, description="One image or video."),  # noqa: B008
        frames: bool = Query(False, description="Include the scores of single frames."),
        operating_point: Literal["balanced", "strict", "screening", "cautious"] | None = Query(
            None, description=f"Thresholds of the verdict. Default: {default}."
        ),
    ) -> JSONResponse:
        """Predict a file. One without a verdict is UNDECIDED and has a reason."""
        upload, name = file[0].file, file[0].filename or ""
        call = partial(service.predict, upload, name, operating_point=operating_point)
        # Abandoned on cancellation, because a running thread would keep the server from ending.
        result = await to_thread.run_sync(call, abandon_on_cancel=True)
        return JSONResponse(json.loads(as_json(result, frames)))

    def health() -> dict[str, Any]:
        """Status, queue length, operating point and its thresholds, training data of the model."""
        card, point = service.detector.card, service.detector.operating_point
        return {
            "status": "ok",
            "in_line": service.queue_length,
            "operating_point": point.name,
            "threshold": point.thresholds.fake_from,
            "real_below": point.thresholds.real_below,
            "trained_on": card.origin.get("datasets", []),
        }

    def docs() -> HTMLResponse:
        """This page."""
        return HTMLResponse(api_page(app.openapi(), service.limits))

    responses: dict[int | str, dict[str, Any]] = {
        NO_POINT: {"description": "The model does not have this operating point."},
        TOO_LARGE: {"description": "The file is larger than the limit."},
        TOO_SLOW: {"description": "The upload has stalled."},
        BUSY: {"description": "The queue is full; Retry-After says when to try again."},
    }
    app.add_api_route("/predict", predict, methods=["POST"], responses=responses)
    app.add_api_route("/health", health, methods=["GET"])
    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)
    app.add_api_route("/", docs, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(DeepfakeError, _known_error)
    app.add_exception_handler(Exception, _unexpected_error)
    app.add_middleware(
        UploadLimiter,
        max_bytes=service.limits.max_bytes + FORM_BYTES,
        max_concurrent=service.limits.waiting + 1,
        stalled_seconds=STALLED_SECONDS,
    )
    return app


async def _known_error(_: Request, error: Exception) -> JSONResponse:
    """The response to an error with a message for the client."""
    if isinstance(error, OperatingPointError):
        return _error_response(NO_POINT, str(error))
    if isinstance(error, TooLargeError):
        return _error_response(TOO_LARGE, str(error))
    if isinstance(error, QueueFullError):
        return _error_response(BUSY, str(error))
    return _error_response(500, "the file could not be analysed")


async def _unexpected_error(_: Request, __: Exception) -> JSONResponse:
    """The response to any other error; its traceback is only in the log."""
    return _error_response(500, "internal server error")


def _error_response(status: int, message: str) -> JSONResponse:
    retry = {"Retry-After": str(RETRY_SECONDS)} if status == BUSY else {}
    return JSONResponse({"detail": message}, status, headers=retry)


class UploadLimiter:
    """Middleware that refuses uploads that are too many at once, too large or too slow.

    It refuses them before or while their body is read.

    Args:
        app: the application behind it.
        max_bytes: maximum size of a request body.
        max_concurrent: maximum number of uploads that are received or analysed at the same time.
        stalled_seconds: maximum time without a byte of the body.
    """

    def __init__(
        self, app: Any, max_bytes: int, max_concurrent: int, stalled_seconds: float
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_concurrent = max_concurrent
        self._stalled_seconds = stalled_seconds
        self._concurrent = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        if _declared_length(scope) > self._max_bytes:
            await _error_response(TOO_LARGE, self._too_large)(scope, receive, send)
            return
        if self._concurrent >= self._max_concurrent:
            full = _error_response(BUSY, "the queue is full: try again later")
            await full(scope, receive, send)
            return
        self._concurrent += 1
        try:
            await self._app(scope, self._limited(receive), send)
        except asyncio.CancelledError:
            await _error_response(BUSY, "the server is shutting down")(scope, receive, send)
        finally:
            self._concurrent -= 1

    @property
    def _too_large(self) -> str:
        return f"larger than the limit of {self._max_bytes // 10**6} MB"

    def _limited(self, receive: Any) -> Any:
        """`receive`, but raising HTTPException when the body is too large or has stalled."""
        bytes_left = self._max_bytes
        complete = False

        async def limited() -> Any:
            nonlocal bytes_left, complete
            if complete:  # the next message is the end of the connection, which may take any time
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._stalled_seconds)
            except asyncio.TimeoutError as error:
                raise HTTPException(TOO_SLOW, "the upload has stalled") from error
            bytes_left -= len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if bytes_left < 0:
                raise HTTPException(TOO_LARGE, self._too_large)
            return message

        return limited


def _declared_length(scope: dict[str, Any]) -> int:
    """Size of the body in bytes as the client declares it; 0 if it does not."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def configuration(service: Service, address: str, port: int) -> uvicorn.Config:
    """The configuration of the web server: limits on headers and connections, and `HEADERS`."""
    return uvicorn.Config(
        create_app(service),
        host=address,
        port=port,
        http="h11",
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
        headers=list(HEADERS.items()),
        log_level="warning",
    )


def serve(service: Service, address: str, port: int) -> None:
    """Serve until interrupted; running requests then have `SHUTDOWN_SECONDS` to finish."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or uvicorn would end the process
    try:
        with suppress(KeyboardInterrupt):
            uvicorn.Server(configuration(service, address, port)).run()
    finally:
        service.close()
        delete_uploads_of(os.getpid())
