"""Landmarks of crops: on the face, under the name of the image, found out once."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import execution

from deepfake import archive, parallel, shapes
from deepfake.cropping import cut_out
from deepfake.faces import Face, eye_angle, find_faces
from deepfake.image import Image, decode_image, encode_jpeg
from deepfake.parallel import Failure

MARGIN = 1.3
SAME = [45, 42, 36, 39, 33]  # of the 68 points, those that a `Face` has too
CLIPS = 8


def find_face(image: Image) -> Face:
    found = find_faces(image, "libfacedetection", 480, 0.8, 0.05)
    return max(found, key=lambda face: face.size)


def in_crop(face: Face, side: int) -> np.ndarray:
    """The five landmarks of a face, found in the whole image by another model, in its crop."""
    center = (np.array(face.box[:2]) + face.box[2:]) / 2
    scale = side / (MARGIN * face.size)
    turn = cv2.getRotationMatrix2D(center.tolist(), eye_angle(face.landmarks), scale)
    return np.array(face.landmarks) @ turn[:, :2].T + turn[:, 2] + side / 2 - center


def error(image: Image, side: int) -> float:
    """Mean distance of the two models' points over the side of the crop."""
    face = find_face(image)
    shape = shapes.find_shape(cut_out(image, face, MARGIN, side), MARGIN)
    return float(np.linalg.norm(shape[SAME] - in_crop(face, side), axis=1).mean() / side)


@pytest.mark.parametrize("side", [112, 160, 225])
@pytest.mark.parametrize("askew", [0, 20])
def test_points_lie_on_the_face(astronaut: Image, side: int, askew: int) -> None:
    turn = cv2.getRotationMatrix2D((224.0, 121.0), askew, 1)
    assert error(cv2.warpAffine(astronaut, turn, (512, 512)), side) < 0.015


def test_points_lie_on_faces_of_talking_heads(bench: Path) -> None:
    folder = bench / "talking_heads"
    with (folder / "labels.csv").open(newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    errors = []
    for path in paths[:: len(paths) // CLIPS][:CLIPS]:
        _, frame = cv2.VideoCapture(str(folder / path)).read()
        errors.append(error(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), 160))
    assert len(errors) == CLIPS
    assert max(errors) < 0.015


def test_points_follow_the_margin(astronaut: Image) -> None:
    """In a crop of twice the margin the face has half the size."""
    face = find_face(astronaut)
    near = shapes.find_shape(cut_out(astronaut, face, 1.3, 240), 1.3)
    wide = shapes.find_shape(cut_out(astronaut, face, 2.6, 240), 2.6)
    assert np.abs((wide - 120) * 2 - (near - 120)).mean() < 5


def pack(**crops: Image) -> bytes:
    images = {f"{name}.jpg": encode_jpeg(crop, 95, "4:4:4") for name, crop in crops.items()}
    return archive.pack({"status": "ok", "crops": []}, images)


def videos(*ids: str) -> pd.DataFrame:
    """Rows of a manifest, each with other content."""
    return pd.DataFrame({"video_id": ids, "sha256": [f"{i:064x}" for i in range(len(ids))]})


def test_archive_as_json(tmp_path: Path, astronaut: Image) -> None:
    crop = cut_out(astronaut, find_face(astronaut), MARGIN, 160)
    archive.write(tmp_path, "a", pack(b=crop, a=crop[:, ::-1].copy()))
    found = json.loads(shapes.shape_archive(archive.path_of(tmp_path, "a"), MARGIN))
    assert list(found) == ["a.jpg", "b.jpg"]
    jpeg = decode_image(encode_jpeg(crop, 95, "4:4:4"))
    expected = shapes.find_shape(jpeg, MARGIN)
    np.testing.assert_allclose(found["b.jpg"], expected, atol=0.05)
    assert all(round(value, 1) == value for point in found["a.jpg"] for value in point)


def test_shapes_of_all_crops_by_video_and_name(in_threads: Path, astronaut: Image) -> None:
    crop = cut_out(astronaut, find_face(astronaut), MARGIN, 112)
    moved = np.roll(crop, 9, axis=1)
    archive.write(in_threads, "d/one", pack(x=crop, y=moved))
    archive.write(in_threads, "d/none", pack())
    archive.write(in_threads, "d/two", pack(x=moved))
    table = videos("d/one", "d/none", "d/two")
    found = shapes.crop_shapes(table, in_threads, MARGIN, execution())
    assert sorted(found) == [("d/one", "x.jpg"), ("d/one", "y.jpg"), ("d/two", "x.jpg")]
    assert all(shape.shape == (68, 2) and shape.dtype == np.float32 for shape in found.values())
    np.testing.assert_array_equal(found["d/one", "y.jpg"], found["d/two", "x.jpg"])
    shift = found["d/one", "y.jpg"] - found["d/one", "x.jpg"]
    assert np.median(shift, axis=0) == pytest.approx([9, 0], abs=2)


def test_shapes_are_found_out_once(
    in_threads: Path, monkeypatch: pytest.MonkeyPatch, astronaut: Image
) -> None:
    crop = cut_out(astronaut, find_face(astronaut), MARGIN, 112)
    archive.write(in_threads, "d/one", pack(x=crop))
    first = shapes.crop_shapes(videos("d/one"), in_threads, MARGIN, execution())
    monkeypatch.setattr(shapes, "find_shape", None)  # whoever calls it fails
    again = shapes.crop_shapes(videos("d/one"), in_threads, MARGIN, execution())
    np.testing.assert_array_equal(again["d/one", "x.jpg"], first["d/one", "x.jpg"])
    with pytest.raises(TypeError):
        shapes.crop_shapes(videos("d/one"), in_threads, 1.4, execution())


def test_a_failed_video_is_told_and_left_out(
    in_threads: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    astronaut: Image,
) -> None:
    archive.write(in_threads, "d/good", pack(x=cut_out(astronaut, find_face(astronaut), 1.3, 112)))
    archive.write(in_threads, "d/bad", pack())
    run = parallel.Worker.run

    def fails(worker: parallel.Worker, *call: object) -> bytes | Failure:
        video = call[-1]
        assert isinstance(video, parallel.Video)
        bad = video.path.stem == "bad"
        return Failure(parallel.TIMED_OUT, "not done") if bad else run(worker, *call)  # type: ignore[arg-type]

    monkeypatch.setattr(parallel.Worker, "run", fails)
    found = shapes.crop_shapes(videos("d/bad", "d/good"), in_threads, MARGIN, execution())
    assert list(found) == [("d/good", "x.jpg")]
    assert "d/bad: its faces have no landmarks, timed_out: not done" in capsys.readouterr().out
