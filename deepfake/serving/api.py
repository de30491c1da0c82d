"""The HTTP API of `deepfake serve`: a file in, the JSON of `deepfake predict --json` out."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any, Literal

import uvicorn
from anyio import to_thread
from fastapi import FastAPI, File, Path, Query, Request, Security, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException as StarletteHTTPException

from deepfake.base.errors import DeepfakeError
from deepfake.model.operating_points import OperatingPointError
from deepfake.predict.output import as_record
from deepfake.serving import problems
from deepfake.serving.access import CLIENT, AccessControl, ApiKeys, RateLimit
from deepfake.serving.batches import (
    BATCH_SIZE,
    MAX_FILES,
    Batches,
    NoBatchError,
    TooManyBatchesError,
)
from deepfake.serving.html import api_page
from deepfake.serving.metrics import CONTENT_TYPE, Metrics
from deepfake.serving.problems import PROBLEM_TYPE, Problem, problem_response
from deepfake.serving.queue import QueueFullError
from deepfake.serving.request_log import LOG_CONFIG, RequestLog
from deepfake.serving.schemas import BatchRecord, Health, Prediction, ProblemRecord
from deepfake.serving.service import Service
from deepfake.serving.upload_limiter import RETRY, UploadLimiter
from deepfake.serving.uploads import TooLargeError, delete_uploads_of

FORM_BYTES = 64 * 1024  # of a multipart form around its files
STALLED_SECONDS = 20.0  # without a byte of the body; then the upload is refused
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
ERRORS = (  # of the library that have a message for the client
    (OperatingPointError, problems.NO_POINT),
    (TooLargeError, problems.TOO_LARGE),
    (QueueFullError, problems.BUSY),
    (TooManyBatchesError, problems.BUSY),
    (NoBatchError, problems.NO_BATCH),
)
OF_UPLOAD = (
    problems.NO_POINT,
    problems.STALLED,
    problems.TOO_LARGE,
    problems.INVALID,
    problems.BUSY,
)
BatchId = Annotated[str, Path(description="The id in the response to POST /batches.")]
PointName = Literal["balanced", "strict", "screening", "cautious"]


@dataclass(frozen=True)
class ApiSettings:
    """Who may use the API, how often, and how long results are kept.

    Attributes:
        keys: None if no key is needed.
        requests_per_minute: of one client; 0 for no limit.
        keep_minutes: results of a batch are deleted so long after its last file.
    """

    keys: ApiKeys | None = None
    requests_per_minute: int = 0
    keep_minutes: float = 60


def create_app(service: Service, settings: ApiSettings | None = None) -> FastAPI:
    """The application.

    POST /predict gives the result for a file, POST /batches takes many files whose results GET
    /batches/ID gives. GET / and /docs document the API for people and GET /openapi.json for
    programs. GET /health gives the state of the server, GET /metrics that for Prometheus.
    """
    settings = settings or ApiSettings()
    metrics = Metrics(service)
    batches = Batches(service, 60 * settings.keep_minutes, metrics.observe_result)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        batches.close()

    app = FastAPI(
        title="Deepfake detector",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    _add_routes(app, service, batches, metrics, settings)
    app.add_exception_handler(DeepfakeError, _known_error)
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    max_bytes = service.limits.max_bytes
    app.add_middleware(
        UploadLimiter,
        max_bytes=max_bytes + FORM_BYTES,
        path_bytes={"/batches": BATCH_SIZE * max_bytes + FORM_BYTES},
        max_concurrent=service.limits.waiting + 1,
        stalled_seconds=STALLED_SECONDS,
    )
    per_minute = settings.requests_per_minute
    app.add_middleware(
        AccessControl,
        keys=settings.keys,
        rate_limit=RateLimit(per_minute) if per_minute else None,
    )
    app.add_middleware(RequestLog, observe=metrics.observe_request)
    return app


def _add_routes(
    app: FastAPI, service: Service, batches: Batches, metrics: Metrics, settings: ApiSettings
) -> None:
    default = service.detector.operating_point.name
    with_frames = Query(False, description="Include the scores of single frames.")
    point_name = Query(None, description=f"Thresholds of the verdict. Default: {default}.")

    async def predict(
        file: list[UploadFile] = File(  # noqa: B008
            min_length=1, max_length=1, description="One image or video."
        ),
        frames: bool = with_frames,
        operating_point: PointName | None = point_name,
    ) -> Response:
        """Predict a file. One without a verdict is UNDECIDED and has a reason."""
        upload, name = file[0].file, file[0].filename or ""
        call = partial(service.predict, upload, name, operating_point=operating_point)
        # Abandoned on cancellation, because a running thread would keep the server from ending.
        result = await to_thread.run_sync(call, abandon_on_cancel=True)
        metrics.observe_result(result)
        return JSONResponse(as_record(result, frames))

    async def add_batch(
        request: Request,
        file: list[UploadFile] = File(  # noqa: B008
            min_length=1, max_length=MAX_FILES, description="Images and videos."
        ),
        frames: bool = with_frames,
        operating_point: PointName | None = point_name,
    ) -> Response:
        """Take many files, and predict them one after the other. Fetch the results by the id."""
        files = [(one.file, one.filename or "") for one in file]
        call = partial(batches.add, request.scope[CLIENT], files, operating_point, frames)
        state = await to_thread.run_sync(call)
        return JSONResponse(state, 202, {"Location": f"/batches/{state['id']}"})

    async def read_batch(request: Request, batch_id: BatchId) -> Response:
        """Progress of a batch, and the results of its finished files in the order of the files."""
        return JSONResponse(batches.state(request.scope[CLIENT], batch_id))

    async def delete_batch(request: Request, batch_id: BatchId) -> Response:
        """Delete a batch with its results; files that wait are not analysed."""
        batches.delete(request.scope[CLIENT], batch_id)
        return Response(status_code=204)

    def read_metrics() -> Response:
        """Requests, results, queue and memory, in the text format of Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    def health() -> dict[str, Any]:
        """Status, queue length, model and operating point."""
        detector = service.detector
        return {
            "status": "ok",
            "in_line": service.queue_length,
            "model": asdict(detector.model),
            "operating_point": detector.operating_point.name,
            "threshold": detector.operating_point.thresholds.fake_from,
            "real_below": detector.operating_point.thresholds.real_below,
            "trained_on": detector.card.origin.get("datasets", []),
        }

    def docs() -> HTMLResponse:
        """This page."""
        return HTMLResponse(api_page(app.openapi(), service.limits))

    bearer = Security(HTTPBearer(auto_error=False))  # documents what `AccessControl` checks
    add = partial(app.add_api_route, dependencies=[bearer] if settings.keys else [])
    one_batch = _documented(problems.NO_BATCH, problems.INVALID)
    text = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
    add(
        "/predict",
        predict,
        methods=["POST"],
        response_model=Prediction,
        responses=_documented(*OF_UPLOAD),
    )
    add(
        "/batches",
        add_batch,
        methods=["POST"],
        status_code=202,
        response_model=BatchRecord,
        responses=_documented(*OF_UPLOAD),
    )
    path = "/batches/{batch_id}"
    add(path, read_batch, methods=["GET"], response_model=BatchRecord, responses=one_batch)
    add(path, delete_batch, methods=["DELETE"], status_code=204, responses=one_batch)
    add(
        "/metrics",
        read_metrics,
        methods=["GET"],
        response_class=Response,
        responses=_documented() | text,
    )
    app.add_api_route("/health", health, methods=["GET"], response_model=Health)
    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)
    app.add_api_route("/", docs, methods=["GET"], include_in_schema=False)


def _documented(*kinds: Problem) -> dict[int | str, dict[str, Any]]:
    """The responses of a route to errors, for the OpenAPI document."""
    content = {PROBLEM_TYPE: {"schema": ProblemRecord.model_json_schema()}}
    of_all = (problems.NO_KEY, problems.TOO_MANY, problems.FAILED)
    return {
        one.status: {"description": one.description, "content": content}
        for one in sorted((*kinds, *of_all), key=lambda one: one.status)
    }


async def _known_error(_: Request, error: Exception) -> JSONResponse:
    """The response to an error of the library."""
    for kind, problem in ERRORS:
        if isinstance(error, kind):
            return problem_response(problem, str(error), RETRY if problem.status == 503 else None)
    raise error  # `RequestLog` logs it


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    """The response to an error of the framework, such as an unknown address."""
    assert isinstance(error, StarletteHTTPException)
    problem = problems.OF_STATUS.get(error.status_code, problems.BAD_REQUEST)
    return problem_response(problem, str(error.detail), error.headers)


async def _invalid_request(_: Request, error: Exception) -> JSONResponse:
    """The response to a missing or invalid parameter; it does not repeat what was sent."""
    assert isinstance(error, RequestValidationError)
    errors = [
        {"location": ".".join(map(str, one["loc"])), "message": one["msg"]}
        for one in error.errors()
    ]
    detail = "; ".join(f"{one['location']}: {one['message']}" for one in errors)
    return problem_response(problems.INVALID, detail, errors=errors)


def configuration(
    service: Service, address: str, port: int, settings: ApiSettings | None = None
) -> uvicorn.Config:
    """The configuration of the web server: limits on headers and connections, and `HEADERS`."""
    return uvicorn.Config(
        create_app(service, settings),
        host=address,
        port=port,
        http="h11",
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
        headers=list(HEADERS.items()),
        log_config=LOG_CONFIG,
        access_log=False,  # `RequestLog` writes one
    )


def serve(service: Service, address: str, port: int, settings: ApiSettings) -> None:
    """Serve until interrupted; running requests then have `SHUTDOWN_SECONDS` to finish."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or uvicorn would end the process
    try:
        with suppress(KeyboardInterrupt):
            uvicorn.Server(configuration(service, address, port, settings)).run()
    finally:
        service.close()
        delete_uploads_of(os.getpid())
