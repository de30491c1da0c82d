"""A digest of the results of each computation that the pipeline consists of, as JSON lines.

`crossing.py` runs it under different settings and compares the digests. The inputs are random
integers, or random floats without rounding, so they are the same on every machine.
"""

import argparse
import hashlib
import io
import json
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from deepfake.core.image import Image, decode_image, encode_jpeg
from deepfake.faces.detectors import YUNET
from deepfake.faces.embedding import embed
from deepfake.faces.landmarks import find_landmarks
from deepfake.model.card import STARTER, read_card
from deepfake.model.export import to_onnx
from deepfake.model.inputs import to_tensor
from deepfake.model.network import build_model
from deepfake.model.onnx_model import OnnxModel
from deepfake.transforms.degradations import h264
from deepfake.transforms.evaluation import Normalise, evaluation_transform

Results = Iterable[Any]  # tensors, arrays or numbers
BATCH = 4
SIZE = 160  # pixels, of training
STEPS = 3
DIGITS = 8  # of a digest
CONVOLUTIONS = {  # of ResNet-18: channels in and out, kernel, stride, size of the input
    "stem": (3, 64, 7, 2, 160),
    "layer1": (64, 64, 3, 1, 40),
    "layer2.0": (64, 128, 3, 2, 40),
    "layer2.downsample": (64, 128, 1, 2, 40),
    "layer2": (128, 128, 3, 1, 20),
    "layer3": (256, 256, 3, 1, 10),
    "layer4": (512, 512, 3, 1, 5),
}


def floats(*shape: int) -> NDArray[np.float32]:
    """Values from -1 to 1."""
    return np.random.default_rng(0).random(shape, np.float32) * 2 - 1


def tensor(*shape: int) -> Tensor:
    """Values from -1 to 1, and a gradient; in the network's memory layout if it has 4 dimensions."""
    layout = torch.channels_last if len(shape) == 4 else torch.contiguous_format
    return torch.from_numpy(floats(*shape)).contiguous(memory_format=layout).requires_grad_()


def image(height: int, width: int) -> Image:
    """Smooth colours, computed with integers alone."""
    small = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3))
    pixels = small.repeat(8, 0).repeat(8, 1)
    for axis in (0, 1):
        pixels = np.sum([np.roll(pixels, shift, axis) for shift in range(8)], axis=0) // 8
    return np.ascontiguousarray(pixels.astype(np.uint8))


def convolution(name: str) -> Results:
    """Forward, and backward to the input and to the weights."""
    channels, filters, kernel, stride, size = CONVOLUTIONS[name]
    crops, weights = tensor(BATCH, channels, size, size), tensor(filters, channels, kernel, kernel)
    out = functional.conv2d(crops, weights, None, stride, kernel // 2)
    out.backward(tensor(*out.shape).detach())  # type: ignore[no-untyped-call]
    return out, crops.grad, weights.grad


def batch_norm() -> Results:
    crops, layer = tensor(BATCH, 64, 40, 40), nn.BatchNorm2d(64)
    out = layer(crops)
    out.backward(crops.detach())
    return out, crops.grad, layer.weight.grad, layer.bias.grad, layer.running_var


def pooling() -> Results:
    crops = tensor(BATCH, 64, 40, 40)
    out = functional.max_pool2d(crops, 3, 2, 1).mean((2, 3))
    out.backward(out.detach())  # type: ignore[no-untyped-call]
    return out, crops.grad


def linear() -> Results:
    features, weights = tensor(32, 512), tensor(100, 512)
    out = functional.linear(features, weights)
    out.backward(out.detach())  # type: ignore[no-untyped-call]
    return out, features.grad, weights.grad


def adamw() -> Results:
    weights = nn.Parameter(tensor(512, 100).detach())
    optimizer = torch.optim.AdamW([weights], weight_decay=0.05, fused=True)
    for step in range(STEPS):
        weights.grad = tensor(512, 100).detach() * (step + 1)
        optimizer.step()
    return (weights,)


def torch_functions() -> Results:
    x = tensor(10_007).detach()
    return x.exp(), x.sigmoid(), x.sum(), x.var(), x.log1p(), x.softmax(0), x.norm()


def torch_random() -> Results:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(10_007, generator=generator), torch.rand(1000, generator=generator)


def torch_resize() -> Results:
    crop = evaluation_transform(SIZE)(to_tensor(image(192, 192)))
    return crop, Normalise()(crop[None])


def numpy_functions() -> Results:
    x = floats(10_007)
    d = x.astype(np.float64)
    positive = np.abs(d)
    yield from (np.exp(x), np.tanh(x), x.mean(), np.exp(d), np.log1p(positive), np.sin(d), d.std())
    yield from (np.power(positive, 0.3), np.arctan2(d, d[::-1]), np.sqrt(positive))


def numpy_matrices() -> Results:
    x = floats(200, 300)
    d = x.astype(np.float64)
    return x @ x.T, d @ d.T, np.cov(d), *np.linalg.svd(d[:40, :40])


def numpy_random() -> Results:
    generator = np.random.default_rng(0)
    return generator.normal(size=10_007), generator.beta(2, 3, 100), generator.permutation(100)


def logistic_regression() -> Results:
    from sklearn.linear_model import LogisticRegression  # takes seconds in an emulator

    x = floats(300, 20).astype(np.float64)
    model = LogisticRegression().fit(x, x[:, 0] + x[:, 1] > 0)
    return model.coef_, model.predict_proba(x)


def opencv_resize() -> Results:
    pixels = image(240, 320)
    for method in (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4):
        for size in ((131, 97), (160, 120), (431, 397)):
            yield cv2.resize(pixels, size, interpolation=method)


def opencv_warp() -> Results:
    pixels, matrix = image(240, 320), np.array([[0.9, 0.1, 3.3], [-0.1, 0.95, 7.7]])
    rows, columns = (grid.astype(np.float32) for grid in np.mgrid[0:150, 0:200])
    for method in (cv2.INTER_LINEAR, cv2.INTER_CUBIC):
        yield cv2.warpAffine(pixels, matrix, (320, 240), flags=method)
        yield cv2.remap(pixels, columns * 1.1 + 0.3, rows * 0.9 + 0.7, method)


def opencv_filters() -> Results:
    pixels = image(240, 320)
    scaled = pixels.astype(np.float32) / 255
    yield from (cv2.GaussianBlur(scaled, (15, 15), 0), cv2.GaussianBlur(pixels, (0, 0), 2.3))
    yield from (cv2.Laplacian(scaled, cv2.CV_32F), cv2.dct(scaled[:32, :32, 0]))
    yield np.array(cv2.meanStdDev(scaled))


def opencv_colours() -> Results:
    pixels = image(240, 320)
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    yield from (lab, cv2.cvtColor(lab, cv2.COLOR_Lab2BGR))
    yield from (cv2.cvtColor(pixels, code) for code in (cv2.COLOR_BGR2GRAY, cv2.COLOR_BGR2HSV))


def opencv_clone() -> Results:
    pixels = image(240, 320)
    mask = cv2.ellipse(np.zeros((240, 320), np.uint8), (160, 120), (60, 80), 0, 0, 360, 255, -1)
    return (cv2.seamlessClone(pixels[::-1].copy(), pixels, mask, (160, 120), cv2.NORMAL_CLONE),)


def jpeg() -> Results:
    for quality in (95, 50):
        data = encode_jpeg(image(192, 192), quality, "yuv444" if quality == 95 else "yuv420")
        yield from (np.frombuffer(data, np.uint8), decode_image(data))


def frames() -> list[Image]:
    """Six frames that move to the right."""
    return [np.ascontiguousarray(np.roll(image(192, 256), 3 * n, axis=1)) for n in range(6)]


def h264_clip() -> Results:
    """A clip that is encoded as the demo's are, and its decoded frames."""
    file = io.BytesIO()
    options = {"crf": "21", "preset": "veryfast", "x264-params": "cpu-independent=1"}
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(10), options=options)
        stream.height, stream.width, stream.pix_fmt, stream.thread_count = 192, 256, "yuv420p", 1
        for frame in frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())
    yield np.frombuffer(file.getvalue(), np.uint8)
    with av.open(io.BytesIO(file.getvalue())) as container:
        yield from (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))


def h264_degradation() -> Results:
    return h264(frames(), 28)


def face_boxes() -> Results:
    """All boxes, however doubtful: no face is in the image."""
    detector = cv2.FaceDetectorYN.create(str(YUNET), "", (128, 128), 1e-4)
    return (detector.detect(image(128, 128))[1],)


def landmarks() -> Results:
    return (find_landmarks(image(192, 192), 1.1),)


def embedding() -> Results:
    return (embed(image(192, 192), 1.1),)


def network() -> nn.Module:
    """The starter, in the network's memory layout."""
    starter: nn.Module = build_model("starter", "cosine").to(memory_format=torch.channels_last)
    return starter


def logits() -> Results:
    with torch.inference_mode():
        return (network().eval()(tensor(BATCH, 3, SIZE, SIZE)),)


def training() -> Results:
    """Some steps of training: the weights."""
    model, labels = network().train(), torch.tensor([0.0, 1.0] * (BATCH // 2))
    optimizer = torch.optim.AdamW(model.parameters(), 3e-4, weight_decay=0.05, fused=True)
    for step in range(STEPS):
        crops = tensor(BATCH, 3, SIZE, SIZE).detach() * (1 - step / 8)
        loss = functional.binary_cross_entropy_with_logits(model(crops).squeeze(1), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.state_dict().values()


def onnx_runtime() -> Results:
    card = read_card(STARTER)
    model = OnnxModel(to_onnx(network(), card))
    pixels = image(card.image_size, card.image_size).transpose(2, 0, 1)
    return (model.run(np.ascontiguousarray(np.stack([pixels] * BATCH))),)


BLOCKS: dict[str, Callable[[], Results]] = {
    **{f"convolution {name}": lambda name=name: convolution(name) for name in CONVOLUTIONS},  # type: ignore[misc]
    **{
        block.__name__.replace("_", " "): block
        for block in (
            *(batch_norm, pooling, linear, adamw, torch_functions, torch_random, torch_resize),
            *(numpy_functions, numpy_matrices, numpy_random, logistic_regression),
            *(opencv_resize, opencv_warp, opencv_filters, opencv_colours, opencv_clone),
            *(jpeg, h264_clip, h264_degradation, face_boxes, landmarks, embedding),
            *(logits, training, onnx_runtime),
        )
    },
}


def digest(results: Results) -> str:
    """The first digits of the SHA-256 of all results."""
    total = hashlib.sha256()
    for result in results:
        array = result.detach().numpy() if isinstance(result, Tensor) else np.asarray(result)
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:DIGITS]


def main() -> None:
    """Print a line for each block: its name, digest and processor seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("blocks", nargs="*", metavar="BLOCK", help="Name of a block. Default: all.")
    names = parser.parse_args().blocks or [*BLOCKS]
    torch.use_deterministic_algorithms(True)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # YuNet's note about targets
    for name in names:
        start = time.process_time()
        line = {"block": name, "digest": digest(BLOCKS[name]())}
        line["seconds"] = round(time.process_time() - start, 2)
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
