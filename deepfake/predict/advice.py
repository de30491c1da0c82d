"""What a user can do about a file without a verdict, or with pictures that are hard to judge."""

from deepfake.predict.result import Result, UndecidedCause, Weakness

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
        "The score lies between the thresholds. Try another part of the video, or a better copy. The operating"
        " point balanced gives a verdict on every score, and calls more real videos FAKE."
    ),
}
WEAKNESS_ADVICE = {
    Weakness.SMALL: "If this is a reduced copy, try the original.",
    Weakness.BLURRED: "Try a sharper version of the file, or a part where the face moves less.",
    Weakness.DARK: "Try a part, or another picture, in better light; brightening it does not help.",
    Weakness.TURNED_AWAY: "Try a part, or another picture, in which the face looks at the camera.",
    Weakness.FEW_FRAMES: "Cut the video to the part that shows the person, and try that.",
}


def advice(result: Result) -> str:
    """A sentence or two on what to try; "" if the file has a verdict, and no weakness."""
    if result.cause is not None and result.score is None:
        return ADVICE[result.cause]
    if result.weaknesses:
        return WEAKNESS_ADVICE[result.weaknesses[0]]
    return "" if result.cause is None else ADVICE[result.cause]
