"""The theme of the page: the palette of `predict.palette` as options of Streamlit."""

from deepfake.predict.palette import DARK, FONT, LIGHT, Palette


def theme_options() -> dict[str, str]:
    """Streamlit's options of both themes; the browser's preference chooses one."""
    options = {"theme.font": FONT, "theme.headingFont": FONT, "theme.baseRadius": "0.5rem"}
    for name, palette in (("light", LIGHT), ("dark", DARK)):
        colours = _theme_colours(palette)
        options |= {f"theme.{name}.{option}": value for option, value in colours.items()}
    return options


def _theme_colours(palette: Palette) -> dict[str, str]:
    """Streamlit's names of the colours, without the prefix."""
    return {
        "primaryColor": palette.accent,
        "linkColor": palette.accent,
        "backgroundColor": palette.page,
        "secondaryBackgroundColor": palette.card,
        "textColor": palette.ink,
        "grayTextColor": palette.soft,
        "borderColor": palette.rule,
        "orangeColor": palette.fake,
        "blueColor": palette.real,
    }
