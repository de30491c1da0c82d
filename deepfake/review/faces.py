"""Pictures of faces for a page."""

import base64
from pathlib import Path

from deepfake.base.errors import ArchiveError
from deepfake.core import archive
from deepfake.review.revisions import Revision

CROPS = Path("data/crops")


def face_of(video_id: str, side: Revision) -> str | None:
    """A crop of a video as a data: URL, in the middle of its first person; None if there is none."""
    data = side.try_read(archive.path_of(CROPS, video_id).as_posix())
    if data is None:
        return None
    try:
        images = archive.unpack(data, video_id).images
    except ArchiveError:
        return None
    person = min((_person(name) for name in images), default=0)
    crops = [content for name, content in images.items() if _person(name) == person]
    return (
        f"data:image/jpeg;base64,{base64.b64encode(crops[len(crops) // 2]).decode()}"
        if crops
        else None
    )


def _person(name: str) -> int:
    """The track in the name of a crop, such as 0 in 0-000012.jpg."""
    return int(name.partition("-")[0])
