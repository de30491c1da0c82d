"""The server does what its OpenAPI document says, for requests that schemathesis makes from it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from hosting import Client, hosted
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection

from deepfake import Detector
from deepfake.model.operating_points import OPERATING_POINTS, Thresholds
from deepfake.serving import batches, schemas
from deepfake.serving.service import Service
from deepfake.serving.uploads import UploadLimits

EXAMPLES = 15  # requests to each operation
VALID, INVALID = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
REQUESTS = [
    ("/predict", "POST", VALID),
    ("/predict", "POST", INVALID),
    ("/batches", "POST", VALID),
    ("/batches", "POST", INVALID),
    ("/batches/{batch_id}", "GET", VALID),
    ("/batches/{batch_id}", "DELETE", VALID),
    ("/metrics", "GET", VALID),
    ("/health", "GET", VALID),
]


@pytest.fixture(scope="module")
def client(detector: Detector) -> Iterator[Client]:
    """A server whose model has all operating points, and which takes many batches at a time."""
    points = dict.fromkeys(OPERATING_POINTS, Thresholds(0.5, 0.5))
    card = replace(detector.card, operating_points=points)
    parts = (detector.network, card, detector.device, detector.model, detector.preprocessor)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "MAX_UNFINISHED", 10 * EXAMPLES)
        with hosted(Service(Detector(*parts), UploadLimits(megabytes=1))) as found:
            yield found


@pytest.fixture(scope="module")
def document(client: Client) -> Any:
    return schemathesis.openapi.from_url(client.url("/openapi.json"))


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method", "mode"), REQUESTS)
def test_the_server_does_what_its_document_says(
    document: Any, path: str, method: str, mode: GenerationMode
) -> None:
    @given(case=document[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        # In a form, a number in the place of a file is a file with its digits.
        case.call_and_validate(excluded_checks=[negative_data_rejection])

    check()


@pytest.mark.slow
def test_every_operation_is_tested(document: Any) -> None:
    found = {(one.ok().path, one.ok().method.upper()) for one in document.get_all_operations()}
    assert found == {(path, method) for path, method, _ in REQUESTS}


def test_the_examples_of_the_document_are_valid() -> None:
    models = [
        one
        for one in vars(schemas).values()
        if isinstance(one, type) and issubclass(one, BaseModel) and one is not BaseModel
    ]
    examples = [
        (one, example) for one in models for example in one.model_json_schema().get("examples", [])
    ]
    assert {one for one, _ in examples} >= {schemas.Prediction, schemas.BatchRecord}
    for one, example in examples:
        one.model_validate(example)
