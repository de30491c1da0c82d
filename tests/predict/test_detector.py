"""The detector gives the crops and scores of the pipeline, and its results are complete."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import av
import pandas as pd
import pillow_heif
import pytest
import yaml
from conftest import execution
from PIL import Image as Pil
from results import CAUTIOUS, HALF, measured
from web_server import Served

import deepfake
from deepfake import Detector, Face, Result
from deepfake.base.errors import ModelError
from deepfake.core import archive
from deepfake.core.image import Image
from deepfake.core.tables import read_csv
from deepfake.model.onnx_model import BATCH_SIZE
from deepfake.model.operating_points import (
    MEASURED,
    ChosenPoints,
    Measured,
    OperatingPoint,
    OperatingPointError,
    only_balanced,
)
from deepfake.predict import detector as detecting
from deepfake.predict.inputs import InputFile
from deepfake.predict.loading import THREADS, one_thread
from deepfake.predict.preprocess import Preprocessor
from deepfake.predict.report import html_report
from deepfake.predict.result import UndecidedCause

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_the_test_split_gets_the_crops_and_scores_of_the_pipeline(
    trained: Path, runtime: str
) -> None:
    """The videos are those of the data sets in params.yaml: the demo, unless it was changed."""
    params = yaml.safe_load((trained / "params.yaml").read_text())
    roots = {name: trained / one["root"] for name, one in params["dataset"].items()}
    videos = read_csv(trained / "data/predictions/test.csv").fillna({"score": -1})
    rows = list(videos.itertuples())
    assert len(rows) >= 10
    files = [InputFile(str(roots[row.dataset] / row.path)) for row in rows]
    preprocessor = Preprocessor(execution(workers=2))
    with Detector.load(trained / "models", preprocessor, runtime) as detector:
        results = list(detector.predict_many(files))
    assert [result.verdict for result in results] == videos["verdict"].tolist()
    scores = [-1 if result.score is None else result.score for result in results]
    assert scores == pytest.approx(videos["score"].tolist(), abs=1e-4)
    for row, result in zip(rows, results, strict=True):
        stored = archive.read(archive.path_of(trained / "data/crops", row.video_id)).images
        crops = [one.image for face in result.faces for one in face.frames]
        assert crops == [stored[name] for name in sorted(stored)]
        assert result.decisive == (None if pd.isna(row.track) else row.track)


def test_predict_many_gives_the_results_of_predict(detector: Detector, demo_root: Path) -> None:
    paths = [str(demo_root / f"real/orl0{number}_1.mp4") for number in (1, 2)]
    assert list(detector.predict_many([InputFile(path) for path in paths])) == [
        detector.predict(path) for path in paths
    ]


def test_files_that_share_a_batch_have_the_results_they_have_alone(
    random_model: Path, demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clip without a face and one that crashes the decoder are between them."""
    (tmp_path / "broken.mp4").write_text("not a video")
    broken, missing = tmp_path / "broken.mp4", tmp_path / "missing.mp4"
    clips = [demo_root / f"real/orl0{number}_1.mp4" for number in (1, 2, 3)]
    files = [InputFile(str(path)) for path in (clips[0], broken, clips[1], missing, clips[2])]
    monkeypatch.setattr(detecting, "FULL_ON_CPU", BATCH_SIZE)
    sizes: list[int] = []
    with one_thread(), Detector.load(random_model, Preprocessor(execution(workers=2))) as found:
        alone = [found.predict(file.name) for file in files]
        compute = found._logits
        monkeypatch.setattr(
            found, "_logits", lambda images: (sizes.append(len(images)), compute(images))[1]
        )
        together = list(found.predict_many(files))
    crops = [sum(len(face.frames) for face in result.faces) for result in alone]
    assert sizes == [sum(crops)], "one batch for all"
    for one, other in zip(together, alone, strict=True):
        assert (one.path, one.verdict, one.reason) == (other.path, other.verdict, other.reason)
        assert one.sha256 == other.sha256
        assert [face.score for face in one.faces] == pytest.approx(
            [face.score for face in other.faces], abs=1e-6
        )
    assert [result.verdict for result in alone][1::2] == ["UNDECIDED"] * 2
    assert THREADS not in os.environ, "it is set while the model is loaded"


def test_an_onnx_file_gives_verdicts_but_no_heat_maps(
    detector: Detector, portable: Path, demo_root: Path
) -> None:
    path = demo_root / "real/orl01_1.mp4"
    with Detector.load(portable) as by_onnx:
        found, expected = by_onnx.predict(path), detector.predict(path)
        assert (found.verdict, found.thresholds) == (expected.verdict, expected.thresholds)
        assert found.score == pytest.approx(expected.score, abs=1e-4)
        with pytest.raises(ModelError, match="heat maps and reports need runtime torch"):
            html_report(found, by_onnx)


def test_an_unknown_runtime_is_an_error(portable: Path) -> None:
    with pytest.raises(ModelError, match="unknown runtime tensorrt: use torch, onnx, auto"):
        Detector.load(portable, runtime="tensorrt")


def loaded(
    detector: Detector, points: ChosenPoints, rates: dict[str, Measured], name: str | None = None
) -> Detector:
    """The detector of a model with other operating points."""
    card = replace(
        detector.card, operating_points=points.thresholds, point_problems=points.problems
    )
    parts = (detector.network, card, detector.device, detector.model, detector.preprocessor)
    return Detector(*parts, operating_point=name, measured=rates)


def test_the_default_is_cautious_if_the_model_has_it(detector: Detector) -> None:
    points = only_balanced(0.5, "")
    points.thresholds["cautious"] = CAUTIOUS.thresholds
    assert CAUTIOUS.measured is not None
    found = loaded(detector, points, {"cautious": CAUTIOUS.measured})
    assert found.operating_point == CAUTIOUS
    assert found.notes == []
    assert found.point("balanced") == OperatingPoint("balanced", HALF)


def test_a_model_without_cautious_uses_balanced_and_says_so(detector: Detector) -> None:
    points = only_balanced(0.5, "val is small")
    found = loaded(detector, points, {})
    assert found.operating_point == OperatingPoint("balanced", HALF)
    assert found.notes == ["operating point balanced: the model has no cautious (val is small)"]
    assert loaded(detector, points, {}, "balanced").notes == [], "it was asked for"


@pytest.mark.parametrize("name", ["cautious", "strict", "bold"])
def test_a_point_that_is_asked_for_and_missing_is_an_error(detector: Detector, name: str) -> None:
    with pytest.raises(OperatingPointError, match=f"the model has no operating point {name}"):
        loaded(detector, only_balanced(0.5, "val is small"), {}, name)


def test_rates_of_another_model_are_not_used(detector: Detector) -> None:
    points = only_balanced(0.4, "")
    found = loaded(detector, points, {"balanced": measured()}, "balanced")
    assert found.operating_point.measured is None
    (note,) = found.notes
    assert "measured with other thresholds" in note
    assert "`dvc repro evaluate`" in note
    same = loaded(detector, only_balanced(0.5, ""), {"balanced": measured()}, "balanced")
    assert same.operating_point.measured == measured()


def test_the_rates_are_those_beside_the_model(
    random_model: Path, portable: Path, tmp_path: Path
) -> None:
    for path in (*random_model.iterdir(), portable):
        shutil.copy(path, tmp_path)
    content = {"operating_points": {"balanced": asdict(measured()), "strict": None}}
    (tmp_path / MEASURED).write_text(json.dumps(content))
    for runtime in ("torch", "onnx"):
        with Detector.load(tmp_path, runtime=runtime) as found:
            assert found.operating_point.measured == measured()
    with Detector.load(portable) as alone:
        assert alone.operating_point.measured is None


def test_a_result_is_typed_and_complete(detector: Detector, demo_root: Path) -> None:
    result = detector.predict(demo_root / "real/orl01_1.mp4")
    assert isinstance(result, Result)
    assert result.verdict in {"REAL", "FAKE"}
    (face,) = result.faces
    assert isinstance(face, Face)
    assert (face.score, face.interval) == (result.score, result.interval)
    assert [one.frame for one in face.frames] == list(result.video.indices)
    assert all(one.image.startswith(b"\xff\xd8") for one in face.frames)
    assert "image" not in repr(result), "a result can be printed"
    again = detector.predict(demo_root / "real/orl01_1.mp4", name="clip", per_video=3)
    assert (again.path, again.frames) == ("clip", 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"text", "not a video"),
        (b"\xff\xd8\xff text", "not an image that can be decoded"),
        (None, "no such file"),
    ],
)
def test_an_unreadable_file_is_undecided(
    detector: Detector, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    result = detector.predict(path)
    assert (result.verdict, result.reason, result.faces) == ("UNDECIDED", reason, ())
    assert result.cause is UndecidedCause.UNREADABLE


def test_a_file_that_times_out_does_not_stop_the_program(
    random_model: Path, served: Served, demo_root: Path
) -> None:
    limited = Preprocessor(execution(video_seconds=3))
    with Detector.load(random_model, limited) as detector:
        result = detector.predict(served.url("hang"))
        assert (result.verdict, result.video.status) == ("UNDECIDED", "timed_out")
        assert result.reason == "timed out after 3 seconds"
        assert result.cause is UndecidedCause.OVER_LIMIT
    with Detector.load(random_model) as detector:
        assert detector.predict(demo_root / "real/orl01_1.mp4").score is not None


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model in"):
        Detector.load(tmp_path / "nowhere")


def test_importing_the_package_and_the_command_is_light() -> None:
    heavy = [
        "torch",
        "cv2",
        "pandas",
        "numpy",
        "av",
        "rich.table",
        "jinja2",
        "fsspec",
        "onnxruntime",
    ]
    code = (
        f"import sys, deepfake, deepfake.cli.app; print([m for m in {heavy} if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_package_has_three_names() -> None:
    assert deepfake.__all__ == ["Detector", "Face", "Result"]
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        deepfake.Nonsense  # noqa: B018


@pytest.mark.parametrize("name", ["one.mp4", "photo.heic", "photo.avif", "photo.jpg"])
def test_a_single_frame_is_judged_whatever_its_format(
    detector: Detector, astronaut: Image, tmp_path: Path, name: str
) -> None:
    """A video of one frame, and photos of phones, also under another name."""
    path = tmp_path / name
    picture = Pil.fromarray(astronaut)
    if name == "one.mp4":
        with av.open(str(path), "w") as output:
            stream = output.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 512, 512, "yuv420p"
            output.mux(stream.encode(av.VideoFrame.from_ndarray(astronaut, format="rgb24")))
            output.mux(stream.encode())
    elif name == "photo.avif":
        picture.save(path, "AVIF")
    else:
        pillow_heif.from_pillow(picture).save(path)
    result = detector.predict(path)
    assert result.score is not None, result.reason
    assert (result.frames, result.frames_with_face) == (1, 1)
