"""Clusters of faces: named per data set, evaluated by pairs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import execution

from deepfake.core import archive
from deepfake.core.image import Image, encode_jpeg
from deepfake.faces import embedding
from deepfake.faces.cropping import crop_face
from deepfake.faces.detection import find_faces
from deepfake.params.schema import Params
from deepfake.splits import identities


@pytest.mark.parametrize("count", [0, 1])
def test_no_face_and_one_face(count: int) -> None:
    assert identities.cluster(np.zeros((count, 128)), 0.5).tolist() == [0] * count


def test_people_are_named_per_data_set_or_over_those_listed(params: Params) -> None:
    tracks = pd.DataFrame(
        {"video_id": ["a/1", "a/1", "a/2", "b/1"], "track": [0, 1, 0, 0], "faces": 3}
    )
    embeddings = np.array([[0.0], [9], [0.1], [0]])
    manifest = pd.DataFrame({"video_id": ["a/1", "a/2", "b/1"], "dataset": ["a", "a", "b"]})
    settings = params.identities
    found = identities.name_people(tracks, embeddings, manifest, settings)
    assert found["identity"].tolist() == ["a#0", "a#1", "a#0", "b#0"]
    assert list(found.columns) == identities.COLUMNS
    empty = identities.name_people(tracks[:0], embeddings[:0], manifest, settings)
    assert list(empty.columns) == identities.COLUMNS
    together = settings.model_copy(update={"datasets": ["a", "b"]})
    found = identities.name_people(tracks, embeddings, manifest, together)
    assert found["identity"].tolist() == ["a+b#0", "a+b#1", "a+b#0", "a+b#0"]


def test_pair_agreement_by_hand() -> None:
    agreement = identities.pair_agreement([0, 0, 0, 1, 2], ["a", "a", "b", "b", "c"])
    assert agreement == {"precision": pytest.approx(1 / 3), "recall": pytest.approx(1 / 2)}
    assert np.isnan(identities.pair_agreement([], [])["precision"])


def test_summary_uses_named_real_videos_of_one_person() -> None:
    manifest = pd.DataFrame(
        {
            "video_id": ["1", "2", "3", "4", "5"],
            "target": ["anna", "anna", "", "bob", "anna"],
            "label": [0, 0, 0, 0, 1],
        }
    )
    found_people = pd.DataFrame(
        {
            "video_id": ["1", "2", "3", "4", "4", "5"],
            "identity": ["d#0", "d#0", "d#0", "d#1", "d#2", "d#3"],
        }
    )
    found = identities.summarize_identities(found_people, manifest)
    assert found["named_videos"] == 2
    assert (found["named_pair_precision"], found["named_pair_recall"]) == (1, 1)
    assert (found["clusters"], found["videos_of_largest_cluster"]) == (4, 3)
    assert identities.summarize_identities(found_people[:0], manifest)["clusters"] == 0


def crop_archive(*crops: Image) -> bytes:
    records = [{"track": i % 2, "image": f"{i}.jpg"} for i in range(len(crops))]
    images = {f"{i}.jpg": encode_jpeg(crop, 95, "yuv444") for i, crop in enumerate(crops)}
    return archive.pack({"status": "ok", "crops": records}, images)


def videos(*ids: str) -> pd.DataFrame:
    """Rows of a manifest, each with its own content."""
    return pd.DataFrame({"video_id": ids, "sha256": [f"{i:064x}" for i in range(len(ids))]})


@pytest.mark.slow
@pytest.mark.usefixtures("in_threads")
def test_embeddings_of_one_person_are_near_and_videos_without_faces_have_none(
    tmp_path: Path, astronaut: Image, params: Params
) -> None:
    settings = params.identities.model_copy(update={"faces_per_track": 2})
    (face,) = find_faces(astronaut, "yunet", 480, 0.8, 0.05)
    crop = crop_face(astronaut, face, 1.3, 160)
    darker = (crop * 0.7).astype(np.uint8)
    flat = np.full((160, 160, 3), 128, np.uint8)
    archive.write(tmp_path, "d/a", crop_archive(crop, flat, darker))
    archive.write(tmp_path, "d/b", crop_archive(darker))
    archive.write(tmp_path, "d/none", crop_archive())
    table, embeddings = identities.embed_videos(
        videos("d/a", "d/none", "d/b"), tmp_path, 1.3, settings, execution()
    )
    assert table.values.tolist() == [["d/a", 0, 2], ["d/a", 1, 1], ["d/b", 0, 1]]
    assert embeddings.shape == (3, embedding.LENGTH)
    assert np.linalg.norm(embeddings[0] - embeddings[2]) < 0.3
    assert np.linalg.norm(embeddings[0] - embeddings[1]) > 0.6
    other = settings.model_copy(update={"datasets": ["e"]})
    table, embeddings = identities.embed_videos(
        videos("d/a", "d/b").assign(dataset="d"), tmp_path, 1.3, other, execution()
    )
    assert table.empty
    table, embeddings = identities.embed_videos(
        videos("d/none"), tmp_path, 1.3, settings, execution()
    )
    assert table.empty
    assert embeddings.shape == (0, embedding.LENGTH)
