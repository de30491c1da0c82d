"""`deepfake serve`: a file in, the JSON of `deepfake predict --json` out, over HTTP."""

import asyncio
import json
import os
import signal
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn
from anyio import to_thread
from fastapi import FastAPI, File, HTTPException, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse

from deepfake.base.errors import DeepfakeError
from deepfake.predict.output import as_json
from deepfake.serving.html import api_page
from deepfake.serving.queue import BusyError
from deepfake.serving.service import Service
from deepfake.serving.uploads import TooLargeError, discard

TOO_LARGE, TOO_SLOW, BUSY = 413, 408, 503
FORM_BYTES = 64 * 1024  # what a form may have around its file
STALLED_SECONDS = 20.0  # without a byte of the body, then the client is sent away
RETRY_SECONDS = 10
HEADER_BYTES = 16 * 1024  # of all headers of a request
CONNECTIONS = 64
ENDING_SECONDS = 3  # for what is being judged when the server is told to end
HEADERS = {  # of every answer
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

    GET / and /docs describe it, GET /openapi.json says the same to programs, GET /health tells
    whether it is alive, POST /predict judges a file.
    """
    app = FastAPI(title="Deepfake detector", description=DESCRIPTION, docs_url=None, redoc_url=None)

    async def predict(
        file: UploadFile = File(description="An image or a video."),  # noqa: B008
        frames: bool = Query(False, description="Scores of single frames too."),
    ) -> JSONResponse:
        """Judge a file. What cannot be judged is UNDECIDED, with its reason."""
        judge = partial(service.judge, file.file, file.filename or "")
        result = await to_thread.run_sync(judge, abandon_on_cancel=True)  # or it could not be ended
        return JSONResponse(json.loads(as_json(result, frames)))

    def health() -> dict[str, Any]:
        """Whether it is alive, how many files are in line, and where FAKE begins."""
        card = service.detector.card
        return {
            "status": "ok",
            "in_line": service.in_line,
            "threshold": card.threshold,
            "trained_on": card.origin.get("datasets", []),
        }

    def docs() -> HTMLResponse:
        """This page."""
        return HTMLResponse(api_page(app.openapi(), service.limits))

    answers: dict[int | str, dict[str, Any]] = {
        TOO_LARGE: {"description": "The file is larger than is allowed."},
        TOO_SLOW: {"description": "No more bytes came."},
        BUSY: {"description": "Too many files are waiting; Retry-After says when to try again."},
    }
    app.add_api_route("/predict", predict, methods=["POST"], responses=answers)
    app.add_api_route("/health", health, methods=["GET"])
    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)
    app.add_api_route("/", docs, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(DeepfakeError, _told)
    app.add_exception_handler(Exception, _hidden)
    app.add_middleware(
        Gate,
        max_bytes=service.limits.max_bytes + FORM_BYTES,
        at_once=service.limits.waiting + 1,
        stalled_seconds=STALLED_SECONDS,
    )
    return app


async def _told(_: Request, error: Exception) -> JSONResponse:
    """An error that has a sentence for the client."""
    if isinstance(error, TooLargeError):
        return _answer(TOO_LARGE, str(error))
    if isinstance(error, BusyError):
        return _answer(BUSY, str(error))
    return _answer(500, "the file could not be judged")


async def _hidden(_: Request, __: Exception) -> JSONResponse:
    """Any other error: the log has the trace, the client has not."""
    return _answer(500, "something went wrong here")


def _answer(status: int, words: str) -> JSONResponse:
    retry = {"Retry-After": str(RETRY_SECONDS)} if status == BUSY else {}
    return JSONResponse({"detail": words}, status, headers={**HEADERS, **retry})


class Gate:
    """Turns uploads away before they are read: too many at once, too large, too slow.

    Args:
        app: what is behind it.
        max_bytes: of a body.
        at_once: bodies that are read or judged at the same time.
        stalled_seconds: without a byte, then the client is sent away.
    """

    def __init__(self, app: Any, max_bytes: int, at_once: int, stalled_seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._at_once = at_once
        self._stalled_seconds = stalled_seconds
        self._inside = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sender = _with_headers(send)
        if scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, sender)
            return
        if _claimed_length(scope) > self._max_bytes:
            await _answer(TOO_LARGE, self._too_large)(scope, receive, send)
            return
        if self._inside >= self._at_once:
            await _answer(BUSY, "too many files are waiting: try again later")(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._app(scope, self._limited(receive), sender)
        except asyncio.CancelledError:
            await _answer(BUSY, "the server is being stopped")(scope, receive, send)
        finally:
            self._inside -= 1

    @property
    def _too_large(self) -> str:
        return f"more than {self._max_bytes // 10**6} MB, which is the limit"

    def _limited(self, receive: Any) -> Any:
        """The same body, whose reader gets an error when it is too long or does not come."""
        left = self._max_bytes
        complete = False

        async def limited() -> Any:
            nonlocal left, complete
            if complete:  # what follows is the end of the connection, which may take its time
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._stalled_seconds)
            except asyncio.TimeoutError as error:
                raise HTTPException(TOO_SLOW, "no more bytes came") from error
            left -= len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if left < 0:
                raise HTTPException(TOO_LARGE, self._too_large)
            return message

        return limited


def _claimed_length(scope: dict[str, Any]) -> int:
    """Bytes of the body as the client says; 0 if it does not."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _with_headers(send: Any) -> Any:
    async def sender(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            extra = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return sender


def configuration(service: Service, address: str, port: int) -> uvicorn.Config:
    """Of the web server: headers that do not end and floods of connections are refused."""
    return uvicorn.Config(
        create_app(service),
        host=address,
        port=port,
        http="h11",
        h11_max_incomplete_event_size=HEADER_BYTES,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=ENDING_SECONDS,
        server_header=False,
        log_level="warning",
    )


def serve(service: Service, address: str, port: int) -> None:
    """Answer requests until it is interrupted; what is being judged then has `ENDING_SECONDS`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or uvicorn would end the process
    try:
        with suppress(KeyboardInterrupt):
            uvicorn.Server(configuration(service, address, port)).run()
    finally:
        service.close()
        discard(os.getpid())
