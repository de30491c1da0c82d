"""What a user can do about a file without a verdict."""

from deepfake.predict.result import Result, UndecidedCause

ADVICE = {
    UndecidedCause.UNREADABLE: (
        "Supported files are images (JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF) and videos (MP4, MOV, MKV, WebM,"
        " AVI, GIF). If a media player opens the file, save it as MP4 or JPEG and try again."
    ),
    UndecidedCause.OVER_LIMIT: "Try a shorter part of the video, or a smaller version of it.",
    UndecidedCause.NO_FACE: (
        "The model analyses faces only. Try an image, or a part of the video, that shows a face"
        " from the front in good light."
    ),
    UndecidedCause.FACE_TOO_SMALL: (
        "Try a larger version of the file, or crop it to the region with the face."
    ),
    UndecidedCause.TOO_FEW_FRAMES: "Try a part of the video that shows the same person for longer.",
    UndecidedCause.NOT_CERTAIN: (
        "The score is too close to the middle for a verdict that is seldom wrong. The operating point"
        " balanced gives a verdict on every score, and is wrong more often."
    ),
}


def advice(result: Result) -> str:
    """A sentence or two on what to try; "" if the file has a verdict."""
    return "" if result.cause is None else ADVICE[result.cause]
