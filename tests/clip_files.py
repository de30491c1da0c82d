"""Videos that tests read and write."""

from pathlib import Path

import av

from deepfake.core.image import Image


def frames_of(path: Path) -> list[Image]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write_video(path: Path, frames: list[Image]) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=15, options={"crf": "18", "threads": "1"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode())
    return path
