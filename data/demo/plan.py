"""What the demo is made of: who is in it, which windows are cut, who is swapped with whom."""

import hashlib
from dataclasses import dataclass

FPS = 15
FRAMES = 24  # 1.6 s, the longest window that fits twice into every short source clip

ORL_PEOPLE, ORL_PHOTOS = 40, 10
ORL_SIZE = (276, 336)  # three times the 92x112 of the photos
WIDE = (640, 360)  # 16:9 sources; the short side is 360 at most

# Photos get a slow camera move so that a still becomes a video: at most this part is cropped.
DRIFT = 0.10

# Pairs swap faces with each other and with nobody else: larger groups could not be split.
PAIRS = (
    *((f"orl{person:02d}", f"orl{person + 1:02d}") for person in range(1, ORL_PEOPLE, 2)),
    ("ravdess1", "ravdess2"),
    ("pexels", "astronaut"),
    ("pyfeat", "carphone"),
)


@dataclass(frozen=True)
class Region:
    """Part of a photo that the camera shows, in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Clip:
    """One window of source media: a REAL clip, and a fake of it by each of `methods`.

    Attributes:
        identity: whose body and scene it shows.
        number: of this identity's clips, from 1.
        media: one video, or several photos; paths below `downloads`.
        size: (width, height) of the encoded frames.
        start: seconds into the video; None for photos.
        region: part of the photo to show; None for all of it.
        grey: the source has no colour; the clip keeps exactly neutral chroma.
        methods: names of the swaps made from this window; none where no whole face is visible.
    """

    identity: str
    number: int
    media: tuple[str, ...]
    size: tuple[int, int]
    methods: tuple[str, ...]
    start: float | None = None
    region: Region | None = None
    grey: bool = False


def partners() -> dict[str, str]:
    """{identity: the one whose face it gets}, in both directions."""
    return {**dict(PAIRS), **{second: first for first, second in PAIRS}}


def clips() -> list[Clip]:
    """All windows, sorted by identity and number.

    Each window gives one REAL clip and, almost always, one fake: neither size nor scene then tells
    the classes apart. Methods alternate, and start with another one on every second person.
    """
    found = [*_orl_clips(), *_ravdess_clips(), *_pexels_clips(), *_pair_of_men(), *_astronaut()]
    return sorted(found, key=lambda clip: (clip.identity, clip.number))


def unit(*parts: object) -> float:
    """A number in [0, 1) that depends on its arguments alone, the same on every machine."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def _alternating(index: int) -> tuple[str, ...]:
    return (("warp", "poisson")[index % 2],)


def _orl_clips() -> list[Clip]:
    half = ORL_PHOTOS // 2
    return [
        Clip(
            identity=f"orl{person:02d}",
            number=part + 1,
            media=tuple(
                f"orl/s{person:02d}_{photo:02d}.pgm"
                for photo in range(1 + part * half, 1 + (part + 1) * half)
            ),
            size=ORL_SIZE,
            # Both people of a pair get the same method from the same half, the next pair the other.
            methods=_alternating(part + (person - 1) // 2),
            grey=True,
        )
        for person in range(1, ORL_PEOPLE + 1)
        for part in range(2)
    ]


def _video(identity: str, windows: list[tuple[str, float, tuple[str, ...]]]) -> list[Clip]:
    return [
        Clip(identity, number, (media,), WIDE, methods, start=start)
        for number, (media, start, methods) in enumerate(windows, start=1)
    ]


def _ravdess_clips() -> list[Clip]:
    windows = {
        "ravdess1": [("01", 0.0), ("01", 1.65), ("02", 0.4), ("02", 2.2)],
        "ravdess2": [("03", 0.0), ("03", 1.65), ("04", 0.0), ("04", 1.65)],
    }
    return [
        clip
        for identity, cuts in windows.items()
        for clip in _video(
            identity,
            [
                (f"ravdess/sample_{name}.mp4", start, _alternating(index))
                for index, (name, start) in enumerate(cuts)
            ],
        )
    ]


def _pexels_clips() -> list[Clip]:
    media = "pexels/WolfgangLanger_Pexels.mp4"
    # From 2.6 to 9.6 s a hand covers the face: good reals, but a swap would be pasted over it.
    covered, free = (4.4, 7.0), (0.6, 9.9, 11.5, 13.1, 14.7, 16.3, 17.9)
    cuts = [(media, start, _alternating(index)) for index, start in enumerate(free)]
    return _video("pexels", [*cuts, *((media, start, ()) for start in covered)])


def _pair_of_men() -> list[Clip]:
    recording = "pyfeat/face_noface.mov"  # a man for 2.7 s, then a title card without a face
    both = ("warp", "poisson")  # the only window with a whole face
    pyfeat = _video("pyfeat", [(recording, 0.0, both), (recording, 1.9, ()), (recording, 4.2, ())])
    carphone = [
        # Twice the 176x144 of the source.
        Clip("carphone", 1, ("carphone/carphone_pristine.mp4",), (352, 288), ("warp",), start=0.0),
        Clip(
            "carphone", 2, ("carphone/carphone_pristine.mp4",), (352, 288), ("poisson",), start=2.0
        ),
    ]
    return [*pyfeat, *carphone]


def _astronaut() -> list[Clip]:
    # Views of the 512x512 photo around head and shoulders.
    views = (Region(90, 0, 280, 280), Region(40, 0, 360, 360), Region(120, 10, 240, 240))
    return [
        Clip(
            "astronaut",
            number,
            ("astronaut/astronaut.png",),
            (360, 360),
            _alternating(number),
            start=None,
            region=view,
        )
        for number, view in enumerate((*views, Region(20, 0, 400, 400)), start=1)
    ]
