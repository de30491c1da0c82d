"""Middleware of the HTTP API against uploads that are too many, too large or too slow."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException

from deepfake.serving.problems import BUSY, STALLED, STOPPING, TOO_LARGE, problem_response

RETRY = {"Retry-After": "10"}  # seconds


class UploadLimiter:
    """Middleware that refuses uploads that are too many at once, too large or too slow.

    It refuses them before or while their body is read.

    Args:
        app: the application behind it.
        max_bytes: maximum size of a request body.
        path_bytes: the same for single paths.
        max_concurrent: maximum number of uploads that are received or analysed at the same time.
        stalled_seconds: maximum time without a byte of the body.
    """

    def __init__(
        self,
        app: Any,
        max_bytes: int,
        path_bytes: Mapping[str, int],
        max_concurrent: int,
        stalled_seconds: float,
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._path_bytes = dict(path_bytes)
        self._max_concurrent = max_concurrent
        self._stalled_seconds = stalled_seconds
        self._concurrent = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "DELETE"):
            await self._app(scope, receive, send)
            return
        max_bytes = self._path_bytes.get(scope["path"], self._max_bytes)
        if _declared_length(scope) > max_bytes:
            refused = problem_response(TOO_LARGE, _too_large(max_bytes))
            await refused(scope, receive, send)
            return
        if self._concurrent >= self._max_concurrent:
            full = problem_response(BUSY, "the queue is full: try again later", RETRY)
            await full(scope, receive, send)
            return
        self._concurrent += 1
        try:
            await self._app(scope, self._limited(receive, max_bytes), send)
        except asyncio.CancelledError:
            stopping = problem_response(STOPPING, "the server is shutting down", RETRY)
            await stopping(scope, receive, send)
        finally:
            self._concurrent -= 1

    def _limited(self, receive: Any, max_bytes: int) -> Any:
        """`receive`, but raising HTTPException when the body is too large or has stalled."""
        bytes_left = max_bytes
        complete = False

        async def limited() -> Any:
            nonlocal bytes_left, complete
            if complete:  # the next message is the end of the connection, which may take any time
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._stalled_seconds)
            except asyncio.TimeoutError as error:
                raise HTTPException(STALLED.status, "the upload has stalled") from error
            bytes_left -= len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if bytes_left < 0:
                raise HTTPException(TOO_LARGE.status, _too_large(max_bytes))
            return message

        return limited


def _declared_length(scope: dict[str, Any]) -> int:
    """Size of the body in bytes as the client declares it; 0 if it does not."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _too_large(max_bytes: int) -> str:
    return f"larger than the limit of {max_bytes // 10**6} MB"
