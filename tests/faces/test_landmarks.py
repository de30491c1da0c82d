"""Landmarks of crops: accurate, in the order of the table, and computed once."""

import csv
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import execution

from deepfake.core import archive
from deepfake.core.image import Image, decode_image, encode_jpeg
from deepfake.core.landmarks import landmarks_to_bytes
from deepfake.faces import landmarks
from deepfake.faces.cropping import crop_face
from deepfake.faces.detection import Face, eye_angle, find_faces
from deepfake.faces.landmark_table import crop_landmarks
from deepfake.faces.landmarks import find_landmarks, landmark_archive
from deepfake.jobs import pool, step
from deepfake.jobs.step import Failure
from deepfake.jobs.worker import Worker

MARGIN = 1.3
FIVE_POINTS = [45, 42, 36, 39, 33]  # of the 68 points, those that a `Face` has
CLIPS = 8


def find_face(image: Image) -> Face:
    found = find_faces(image, "yunet", 480, 0.8, 0.05)
    return max(found, key=lambda face: face.size)


def in_crop(face: Face, side: int) -> np.ndarray:
    """The five landmarks of a face, which another model found in the image, in pixels of its crop."""
    center = (np.array(face.box[:2]) + face.box[2:]) / 2
    scale = side / (MARGIN * face.size)
    rotation = cv2.getRotationMatrix2D(center.tolist(), eye_angle(face.landmarks), scale)
    return np.array(face.landmarks) @ rotation[:, :2].T + rotation[:, 2] + side / 2 - center


def error(image: Image, side: int) -> float:
    """Mean distance of the two models' points over the side of the crop."""
    face = find_face(image)
    landmarks = find_landmarks(crop_face(image, face, MARGIN, side), MARGIN)
    return float(np.linalg.norm(landmarks[FIVE_POINTS] - in_crop(face, side), axis=1).mean() / side)


@pytest.mark.parametrize("side", [112, 160, 225])
@pytest.mark.parametrize("degrees", [0, 20])
def test_landmarks_lie_on_the_face(astronaut: Image, side: int, degrees: int) -> None:
    rotation = cv2.getRotationMatrix2D((224.0, 121.0), degrees, 1)
    assert error(cv2.warpAffine(astronaut, rotation, (512, 512)), side) < 0.015


def test_landmarks_lie_on_faces_of_talking_heads(bench: Path) -> None:
    folder = bench / "talking_heads"
    with (folder / "labels.csv").open(newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    errors = []
    for path in paths[:: len(paths) // CLIPS][:CLIPS]:
        _, frame = cv2.VideoCapture(str(folder / path)).read()
        errors.append(error(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), 160))
    assert len(errors) == CLIPS
    assert max(errors) < 0.015


def test_landmarks_scale_with_the_margin(astronaut: Image) -> None:
    """In a crop of twice the margin the face has half the size."""
    face = find_face(astronaut)
    near = find_landmarks(crop_face(astronaut, face, 1.3, 240), 1.3)
    wide = find_landmarks(crop_face(astronaut, face, 2.6, 240), 2.6)
    assert np.abs((wide - 120) * 2 - (near - 120)).mean() < 5


def pack(**crops: Image) -> bytes:
    images = {f"{name}.jpg": encode_jpeg(crop, 95, "yuv444") for name, crop in crops.items()}
    return archive.pack({"status": "ok", "crops": []}, images)


def videos(*ids: str) -> pd.DataFrame:
    """Rows of a manifest, each with different content."""
    return pd.DataFrame({"video_id": ids, "sha256": [f"{i:064x}" for i in range(len(ids))]})


def test_archive_as_json(tmp_path: Path, astronaut: Image) -> None:
    crop = crop_face(astronaut, find_face(astronaut), MARGIN, 160)
    archive.write(tmp_path, "a", pack(b=crop, a=crop[:, ::-1].copy()))
    found = json.loads(landmark_archive(archive.path_of(tmp_path, "a"), MARGIN))
    assert list(found) == ["a.jpg", "b.jpg"]
    jpeg = decode_image(encode_jpeg(crop, 95, "yuv444"))
    expected = find_landmarks(jpeg, MARGIN)
    np.testing.assert_allclose(found["b.jpg"], expected, atol=0.05)
    assert all(round(value, 1) == value for point in found["a.jpg"] for value in point)


def rows(*crops: tuple[str, str]) -> pd.DataFrame:
    """A table of crops from (video_id, name of the image without its suffix)."""
    return pd.DataFrame(
        [(video, f"{name}.jpg") for video, name in crops], columns=["video_id", "image"]
    )


def test_landmarks_are_in_the_order_of_the_table(in_threads: Path, astronaut: Image) -> None:
    crop = crop_face(astronaut, find_face(astronaut), MARGIN, 112)
    moved = np.roll(crop, 9, axis=1)
    archive.write(in_threads, "d/one", pack(x=crop, y=moved))
    archive.write(in_threads, "d/none", pack())
    archive.write(in_threads, "d/two", pack(x=moved))
    table = rows(("d/two", "x"), ("d/other", "x"), ("d/one", "x"), ("d/one", "y"))
    wanted = videos("d/one", "d/none", "d/two")
    found = crop_landmarks(wanted, table, in_threads, MARGIN, execution())
    assert found.shape == (4, 68, 2)
    assert found.dtype == np.float16
    assert np.isnan(found[1]).all()  # not in the manifest
    assert np.isfinite(found[[0, 2, 3]]).all()
    np.testing.assert_array_equal(found[0], found[3])
    assert np.median(found[3] - found[2], axis=0) == pytest.approx([9, 0], abs=2)
    near = find_landmarks(decode_image(encode_jpeg(crop, 95, "yuv444")), MARGIN)
    np.testing.assert_allclose(found[2].astype(np.float32), near, atol=0.1)
    stored = np.load(io.BytesIO(landmarks_to_bytes(found)), allow_pickle=False)
    np.testing.assert_array_equal(stored, found)


@pytest.mark.slow
def test_landmarks_are_computed_once(
    in_threads: Path, monkeypatch: pytest.MonkeyPatch, astronaut: Image
) -> None:
    crop = crop_face(astronaut, find_face(astronaut), MARGIN, 112)
    archive.write(in_threads, "d/one", pack(x=crop))
    one, table = videos("d/one"), rows(("d/one", "x"))
    first = crop_landmarks(one, table, in_threads, MARGIN, execution())
    monkeypatch.setattr(landmarks, "find_landmarks", None)  # a call would fail
    again = crop_landmarks(one, table, in_threads, MARGIN, execution())
    np.testing.assert_array_equal(again, first)
    with pytest.raises(TypeError):
        crop_landmarks(one, table, in_threads, 1.4, execution())


def test_a_failed_video_is_reported_and_skipped(
    in_threads: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    astronaut: Image,
) -> None:
    archive.write(
        in_threads, "d/good", pack(x=crop_face(astronaut, find_face(astronaut), 1.3, 112))
    )
    archive.write(in_threads, "d/bad", pack())
    run = pool.Worker.run

    def fails(worker: Worker, *call: object) -> bytes | Failure:
        video = call[-1]
        assert isinstance(video, step.Video)
        bad = video.path.stem == "bad"
        return Failure(step.TIMED_OUT, "not done") if bad else run(worker, *call)  # type: ignore[arg-type]

    monkeypatch.setattr(pool.Worker, "run", fails)
    table = rows(("d/bad", "x"), ("d/good", "x"))
    wanted = videos("d/bad", "d/good")
    found = crop_landmarks(wanted, table, in_threads, MARGIN, execution())
    assert np.isnan(found).all(axis=(1, 2)).tolist() == [True, False]
    assert "d/bad: landmarks skipped (timed_out: not done)" in capsys.readouterr().out
