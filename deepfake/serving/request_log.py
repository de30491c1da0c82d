"""One log line for each request, with its id, and the metrics of all requests."""

import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from starlette.datastructures import MutableHeaders

from deepfake.serving.access import CLIENT
from deepfake.serving.problems import FAILED, REQUEST_ID, problem_response

HEADER = "X-Request-ID"
VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")  # of a client; others could forge lines of the log
ABORTED = 499  # logged as status when the client got no response
LOG_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "deepfake.serving.request_log.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "loggers": {
        "deepfake.serving": {"handlers": ["stderr"], "level": "INFO"},
        "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}

logger = logging.getLogger(__name__)


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON, with the id of the request that it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; tracebacks are in it as one string."""
        fields = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "request_id": REQUEST_ID.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields)


class RequestLog:
    """Middleware that gives each request an id, logs it, and answers for unexpected errors.

    The id is that of the client's header X-Request-ID, or a new one. It is in the response, in
    every error and in every line of the log. File names and addresses of clients are not logged.

    Args:
        app: the application behind it.
        observe: called with method, route, status and seconds of each request.
    """

    def __init__(self, app: Any, observe: Callable[[str, str, int, float], None]) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        REQUEST_ID.set(_request_id(scope))
        start, status = time.perf_counter(), ABORTED

        async def send_with_id(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = REQUEST_ID.get()
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            logger.exception("unexpected error")
            if status == ABORTED:
                response = problem_response(FAILED, "internal server error")
                with suppress(OSError):  # the client is gone
                    await response(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - start
            self._log(scope, status, seconds)

    def _log(self, scope: dict[str, Any], status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")  # not the path, which has any name
        method = scope["method"] if route != "other" else "other"
        self._observe(method, route, status, seconds)
        fields = {
            "method": method,
            "route": route,
            "status": status,
            "seconds": round(seconds, 3),
            "client": scope.get(CLIENT, ""),
        }
        logger.info("request", extra={"fields": fields})


def _request_id(scope: dict[str, Any]) -> str:
    for name, value in scope["headers"]:
        text = value.decode("latin-1")
        if name == HEADER.lower().encode() and VALID_ID.fullmatch(text):
            return str(text)
    return uuid.uuid4().hex
