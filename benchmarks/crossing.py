"""Whether this machine computes the same bytes as others: a digest of each building block.

`python -m benchmarks.crossing` prints them for `numerics: machine` and `anywhere`, with the processor
seconds that each takes, and compares them with crossing.csv, which has those of other processors.
`--write` adds this machine to the table. Inputs are made of integers, so they are the same everywhere.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SEED = 0
Arrays = NDArray[Any]


def pixels(*shape: int) -> Arrays:
    return np.random.default_rng(SEED).integers(0, 256, shape, np.uint8)


def values(*shape: int) -> Arrays:
    """Multiples of 2**-10 between -1 and 1, float32."""
    whole = np.random.default_rng(SEED).integers(-1024, 1025, shape)
    return (whole / 1024).astype(np.float32)


def tensor(*shape: int) -> Tensor:
    t = torch.from_numpy(values(*shape))
    return t.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else t


CONVS = {  # in, out, kernel, stride, size
    "stem": (3, 64, 7, 2, 160),
    "layer1": (64, 64, 3, 1, 40),
    "layer2.0": (64, 128, 3, 2, 40),
    "layer2.down": (64, 128, 1, 2, 40),
    "layer2": (128, 128, 3, 1, 20),
    "layer3.0": (128, 256, 3, 2, 20),
    "layer3": (256, 256, 3, 1, 10),
    "layer4.0": (256, 512, 3, 2, 10),
    "layer4": (512, 512, 3, 1, 5),
}
BATCH = int(os.environ.get("B", "4"))

def conv(name):
    i, o, k, s, size = CONVS[name]
    x = tensor(BATCH, i, size, size).requires_grad_()
    w = tensor(o, i, k, k).requires_grad_()
    y = torch.nn.functional.conv2d(x, w, None, s, k // 2)
    y.backward(y.detach().cos())
    return y, x.grad, w.grad


def batchnorm():
    x = tensor(BATCH, 64, 40, 40).requires_grad_()
    bn = nn.BatchNorm2d(64)
    y = bn(x)
    y.backward(x.detach())
    return y, x.grad, bn.weight.grad, bn.bias.grad, bn.running_var

def adamw():
    p = nn.Parameter(torch.from_numpy(values(512, 100)))
    opt = torch.optim.AdamW([p], lr=1e-3, weight_decay=.05, fused=True)
    for n in range(5):
        p.grad = torch.from_numpy(values(512, 100)) * (n + 1)
        opt.step()
    return (p,)

def linear():
    x = torch.from_numpy(values(32, 512)).requires_grad_()
    w = torch.from_numpy(values(100, 512)).requires_grad_()
    y = torch.nn.functional.linear(x, w)
    y.backward(y.detach())
    return y, x.grad, w.grad

def elementwise():
    x = torch.from_numpy(values(10007))
    return x.exp(), x.sigmoid(), x.sum(), x.mean(), x.var(), x.log1p(), torch.softmax(x, 0), x.norm()

def pooling():
    x = tensor(BATCH, 64, 40, 40).requires_grad_()
    y = torch.nn.functional.max_pool2d(x, 3, 2, 1).mean((2, 3))
    y.backward(y.detach())
    return y, x.grad

def torch_resize():
    from deepfake.model.inputs import to_tensor
    from deepfake.transforms.evaluation import evaluation_transform, Normalise
    x = evaluation_transform(160)(to_tensor(pixels(192, 192, 3)))
    return x, Normalise()(x[None])

def randoms():
    g = torch.Generator().manual_seed(0)
    return torch.randn(10007, generator=g), torch.rand(1000, generator=g), torch.randperm(100, generator=g)

def numpy_elementwise():
    x = values(10007)
    d = x.astype(np.float64)
    return np.exp(x), np.exp(d), np.log1p(np.abs(d)), np.sin(d), d.sum(), d.std(), x.sum(), x.mean(), np.sqrt(np.abs(x)), np.power(np.abs(d), .3), np.arctan2(d, d[::-1]), np.tanh(x)

def numpy_matmul():
    x, d = values(200, 300), values(200, 300).astype(np.float64)
    return x @ x.T, d @ d.T, d.T @ d, np.linalg.svd(d[:40, :40])[0], np.linalg.det(d[:10, :10]), np.cov(d.T), np.einsum("ij,kj->ik", d, d)

def numpy_random():
    r = np.random.default_rng(0)
    return r.normal(size=10007), r.uniform(size=1000), r.permutation(100), r.beta(2., 3., 100), r.exponential(size=100)

def logistic():
    from sklearn.linear_model import LogisticRegression
    x = values(300, 20).astype(np.float64)
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    m = LogisticRegression(max_iter=50).fit(x, y)
    return m.coef_, m.predict_proba(x)

def smooth(h, w):
    return cv2.resize(pixels(h // 8, w // 8, 3), (w, h), interpolation=cv2.INTER_CUBIC)

def cv_resize():
    x = smooth(240, 320)
    return [cv2.resize(x, (131, 97), interpolation=m) for m in (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)] + [
      cv2.resize(x, (160, 120), interpolation=cv2.INTER_AREA), cv2.resize(x, (431, 397), interpolation=cv2.INTER_CUBIC), cv2.resize(x.astype(np.float32), (131, 97), interpolation=cv2.INTER_AREA)]

def cv_warp():
    x = smooth(240, 320)
    m = np.array([[.9, .1, 3.3], [-.1, .95, 7.7]])
    gx, gy = np.meshgrid(np.arange(200, dtype=np.float32), np.arange(150, dtype=np.float32))
    return (cv2.warpAffine(x, m, (320, 240), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), cv2.warpAffine(x, m, (320, 240)),
      cv2.warpAffine(x.astype(np.float32), m, (320, 240)),
      cv2.remap(x, gx * 1.1 + .3, gy * .9 + .7, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))

def cv_filter():
    x = smooth(240, 320); f = x.astype(np.float32) / 255
    k = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    return cv2.GaussianBlur(f, (15, 15), 0), cv2.GaussianBlur(x, (0, 0), 2.3), cv2.erode(x, k), cv2.Laplacian(f[..., 0], cv2.CV_32F), cv2.dct(f[:32, :32, 0]), cv2.filter2D(f, -1, f[:5, :5, 0])

def cv_colour():
    x = smooth(240, 320); f = x.astype(np.float32) / 255
    lab = cv2.cvtColor(f, cv2.COLOR_BGR2Lab)
    return lab, cv2.cvtColor(lab, cv2.COLOR_Lab2BGR), cv2.cvtColor(x, cv2.COLOR_BGR2GRAY), cv2.cvtColor(x, cv2.COLOR_BGR2HSV), cv2.cvtColor(f, cv2.COLOR_BGR2HSV), cv2.cvtColor(x, cv2.COLOR_BGR2Lab)

def cv_clone():
    x = smooth(240, 320)
    mask = np.zeros((240, 320), np.uint8)
    cv2.ellipse(mask, (160, 120), (60, 80), 0, 0, 360, 255, -1)
    return (cv2.seamlessClone(x[::-1].copy(), x, mask, (160, 120), cv2.NORMAL_CLONE),)

def cv_mean():
    f = smooth(240, 320).astype(np.float32)
    return np.array(cv2.mean(f)), np.array(cv2.meanStdDev(f)), np.array(cv2.norm(f))

def jpeg():
    from deepfake.core.image import encode_jpeg, decode_image
    a = encode_jpeg(smooth(192, 192), 95, "yuv444")
    b = encode_jpeg(smooth(192, 192), 75, "yuv420")
    return [np.frombuffer(a, np.uint8), np.frombuffer(b, np.uint8), decode_image(a), decode_image(b)]

def frames():
    x = smooth(192, 256)
    return [np.ascontiguousarray(np.roll(x, n * 3, 1)) for n in range(6)]

def h264_degradation():
    from deepfake.transforms.degradations import h264
    return h264(frames(), 28)

def h264_demo():
    import io, av
    from fractions import Fraction
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options={"fflags": "+bitexact"}) as c:
        s = c.add_stream("libx264", rate=Fraction(10), options={"crf": "21", "preset": "veryfast", "threads": "1", "x264-params": "cpu-independent=1"})
        s.height, s.width = 192, 256
        s.pix_fmt = "yuv420p"; s.thread_count = 1
        for i, f in enumerate(frames()):
            fr = av.VideoFrame.from_ndarray(f, format="bgr24").reformat(format="yuv420p")
            fr.pts, fr.time_base = i, Fraction(1, 10)
            c.mux(s.encode(fr))
        c.mux(s.encode())
    data = out.getvalue()
    with av.open(io.BytesIO(data)) as c:
        back = [f.to_ndarray(format="rgb24") for f in c.decode(video=0)]
    return [np.frombuffer(data, np.uint8), *back]

def face():
    import skimage.data
    return skimage.data.astronaut()[0:220, 120:340]

def landmarks():
    from deepfake.faces.landmarks import find_landmarks
    return (find_landmarks(smooth(192, 192), 1.1),)

def embedding():
    from deepfake.faces.embedding import embed
    return (embed(smooth(192, 192), 1.1),)

def yunet():
    from deepfake.faces.detectors import _yunet_network
    n = _yunet_network(); n.setInputSize((128, 128)); n.setScoreThreshold(0.0001)
    f = n.detect(smooth(128, 128))[1]
    return (f,)

def hog():
    import dlib
    d = dlib.get_frontal_face_detector()
    b, s, w = d.run(smooth(192, 192), 1, -1.5)
    return np.array([(r.left(), r.top()) for r in b]), np.array(s)

def resnet():
    torch.manual_seed(0)
    return None

def network():
    from deepfake.model.network import build_model
    torch.manual_seed(0)
    return build_model("starter", "cosine").to(memory_format=torch.channels_last)

def inference():
    n = network().eval()
    with torch.inference_mode():
        return (n(tensor(BATCH, 3, 160, 160)),)

def training():
    torch.use_deterministic_algorithms(True)
    n = network().train()
    opt = torch.optim.AdamW(n.parameters(), 3e-4, weight_decay=.05, fused=True)
    labels = torch.tensor([0., 1.] * (BATCH // 2))
    losses = []
    for k in range(STEPS):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(n(tensor(BATCH, 3, 160, 160) * (1 - .1 * k)).squeeze(1), labels)
        opt.zero_grad(); loss.backward(); opt.step()
        losses.append(loss.detach())
    return [torch.stack(losses), *n.state_dict().values()]
STEPS = int(os.environ.get("S", "3"))

def onnx():
    import onnxruntime as ort
    from deepfake.base.cores import thread_count
    from deepfake.predict.source import default_folder
    from pathlib import Path
    o = ort.SessionOptions(); o.intra_op_num_threads = thread_count(); o.use_deterministic_compute = True
    s = ort.InferenceSession(Path("/work/main/models/model.onnx").read_bytes(), o, providers=["CPUExecutionProvider"])
    size = s.get_inputs()[0].shape[-1]
    return (s.run(None, {"crops": pixels(BATCH, 3, size, size)})[0],)

BLOCKS = {**{f"conv {n}": (lambda n=n: conv(n)) for n in CONVS}, **{f.__name__: f for f in [batchnorm, adamw, linear, elementwise, pooling, torch_resize, randoms, numpy_elementwise, numpy_matmul, numpy_random, logistic, cv_resize, cv_warp, cv_filter, cv_colour, cv_clone, cv_mean, jpeg, h264_degradation, h264_demo, landmarks, embedding, yunet, hog, inference, training, onnx]}}

if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    if os.environ.get("NODNN"):
        torch.backends.mkldnn.enabled = False
        torch.backends.nnpack.set_flags(False)
    for name, f in BLOCKS.items():
        if len(sys.argv) > 1 and not any(a in name for a in sys.argv[1:]):
            continue
        t = time.process_time()
        try:
            parts = [np.ascontiguousarray(v.detach().numpy() if isinstance(v, Tensor) else v) for v in f()]
            d = hashlib.sha256(b"".join(p.tobytes() for p in parts)).hexdigest()[:8]
            d += " " + " ".join(hashlib.sha256(p.tobytes()).hexdigest()[:4] for p in parts[:12])
        except Exception as e:
            d = f"{type(e).__name__}: {e}".replace("\n", " ")[:200]
        print(f"{name:20s} {time.process_time() - t:6.2f} {d}", flush=True)
