"""Errors of the HTTP API as problem details (RFC 9457), and the id of the request in each."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

PROBLEM_TYPE = "application/problem+json"
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")  # of the request in this context


@dataclass(frozen=True)
class Problem:
    """A kind of error.

    Attributes:
        status: of the HTTP response.
        code: for programs; it does not change when the words do.
        description: for the documentation.
    """

    status: int
    code: str
    description: str


BAD_REQUEST = Problem(400, "bad_request", "The request cannot be read.")
NO_POINT = Problem(
    400, "no_operating_point", "The request cannot be read, or the model lacks the operating point."
)
NO_KEY = Problem(401, "unauthorized", "The API key is missing or unknown.")
NOT_FOUND = Problem(404, "not_found", "There is nothing at this address.")
NO_BATCH = Problem(404, "no_batch", "The batch is unknown, expired or deleted.")
WRONG_METHOD = Problem(405, "method_not_allowed", "The address has other methods.")
STALLED = Problem(408, "upload_stalled", "The upload has stalled.")
TOO_LARGE = Problem(413, "too_large", "The file or the request is larger than the limit.")
INVALID = Problem(422, "invalid_request", "A parameter or form field is missing or invalid.")
TOO_MANY = Problem(429, "too_many_requests", "The client exceeds the rate limit.")
FAILED = Problem(500, "internal_error", "An error of the server; its log has the request id.")
BUSY = Problem(503, "queue_full", "The queue is full; Retry-After says when to try again.")
STOPPING = Problem(503, "shutting_down", "The server is shutting down.")

OF_STATUS = {
    one.status: one for one in (BAD_REQUEST, NOT_FOUND, WRONG_METHOD, STALLED, TOO_LARGE, INVALID)
}


def problem_details(problem: Problem, detail: str) -> dict[str, Any]:
    """The members of a problem: those of RFC 9457, `code` and `request_id`."""
    return {
        "type": "about:blank",  # the status is the type; `code` is more precise
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": detail,
        "code": problem.code,
        "request_id": REQUEST_ID.get(),
    }


def problem_response(
    problem: Problem,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> JSONResponse:
    """The response to an error.

    Args:
        problem: the kind of error.
        detail: what is wrong and what to do.
        headers: of the response.
        errors: parts of the request that are invalid, each with `location` and `message`.
    """
    content = problem_details(problem, detail) | ({"errors": errors} if errors else {})
    return JSONResponse(content, problem.status, headers, PROBLEM_TYPE)
