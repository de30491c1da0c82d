"""What Prometheus reads at GET /metrics."""

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from deepfake.predict.result import Result
from deepfake.serving.service import Service

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300)  # upper bounds of the histogram


class Metrics:
    """Counters of one server.

    Args:
        service: whose queue and model are shown.
    """

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "deepfake_requests",
            "Requests by method, route and status; 499 is a client that left.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "deepfake_request_seconds",
            "Time from the first byte of a request to the last of its response.",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._results = Counter(
            "deepfake_results", "Analysed files by verdict.", ["verdict"], registry=self._registry
        )
        waiting = Gauge(
            "deepfake_queue_length",
            "Files that wait or are being analysed.",
            registry=self._registry,
        )
        waiting.set_function(lambda: service.queue_length)
        model = Gauge(
            "deepfake_model",
            "The model in use, always 1.",
            ["name", "version", "operating_point"],
            registry=self._registry,
        )
        found = service.detector.model
        model.labels(found.name, found.version, service.detector.operating_point.name).set(1)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def observe_result(self, result: Result) -> None:
        """Count a result."""
        self._results.labels(result.verdict).inc()

    def text(self) -> bytes:
        """All metrics in the format of Prometheus."""
        return bytes(generate_latest(self._registry))
