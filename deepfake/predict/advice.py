"""What a person can do about a file that got no verdict."""

from deepfake.jobs.step import CRASHED, OUT_OF_MEMORY, TIMED_OUT
from deepfake.predict.result import Result
from deepfake.video.record import TOO_SHORT, UNREADABLE

NO_FACE = (
    "The model judges faces only. Try a picture or a part of the video in which a face is seen from"
    " the front, in good light."
)
SMALL = "Try a larger version of the file, or cut out the part with the face."
RARE = "Try a part of the video in which the same person is seen longer."
BROKEN = (
    "Images (JPEG, PNG, WebP, BMP, TIFF) and videos (MP4, MOV, MKV, WebM, AVI, GIF) can be read. See"
    " whether a player opens the file; if so, save it as MP4 or JPEG and try again."
)
COSTLY = "Try a shorter part of the video, or a smaller version of it."


def advice(result: Result) -> str:
    """A sentence or two on what to try; "" where there is a verdict."""
    if result.score is not None:
        return ""
    if result.video.status in (TIMED_OUT, OUT_OF_MEMORY) or "minutes" in result.reason:
        return COSTLY
    if result.video.status in (UNREADABLE, TOO_SHORT, CRASHED):
        return BROKEN
    if result.reason.startswith("face too small"):
        return SMALL
    return RARE if result.reason.startswith("too few frames") else NO_FACE
