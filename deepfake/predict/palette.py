"""The look of page, report and charts: colours in light and dark mode, and text.

FAKE is orange and REAL blue, which differ for every kind of colour blindness; UNDECIDED is grey. A
verdict has a shape too, so that no colour alone tells it: see `design.css` and `charts`.
"""

from dataclasses import asdict, dataclass

FONT = "system-ui, sans-serif"  # charts are images, which cannot load a font
SMALLEST_TEXT = 14  # pixels


@dataclass(frozen=True)
class Palette:
    """The colours of a theme, each as #rrggbb.

    Attributes:
        page: background.
        card: background of a section.
        ink, soft: text, and text of less importance.
        rule: lines between and around sections.
        accent: buttons, links and the focus.
        fake, real, undecided: the verdicts, as text and in charts.
    """

    page: str
    card: str
    ink: str
    soft: str
    rule: str
    accent: str
    fake: str
    real: str
    undecided: str


LIGHT = Palette(
    page="#ffffff",
    card="#f6f7f9",
    ink="#1b1f24",
    soft="#525b66",
    rule="#c9d0d8",
    accent="#4338a8",
    fake="#b23a00",
    real="#0b5cad",
    undecided="#62666d",
)
DARK = Palette(
    page="#14171a",
    card="#1d2125",
    ink="#e8eaed",
    soft="#b0b8c1",
    rule="#454c55",
    accent="#a9a2ff",
    fake="#ff9f66",
    real="#6fb7ff",
    undecided="#c3c7cd",
)


def css_variables() -> str:
    """Declarations of a CSS variable for each colour, which follow the `color-scheme`.

    >>> css_variables().splitlines()[0]
    '--page: light-dark(#ffffff, #14171a);'
    """
    light, dark = asdict(LIGHT), asdict(DARK)
    return "\n".join(f"--{name}: light-dark({light[name]}, {dark[name]});" for name in light)


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour, each 0 to 255.

    >>> rgb("#ff8000")
    (255, 128, 0)
    """
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
