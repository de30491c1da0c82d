"""Text from outside, made safe to show."""


def printable(text: str) -> str:
    r"""The text with characters that are not printable, such as terminal controls, escaped.

    >>> printable("a\x1b[2J\n")
    'a\\x1b[2J\\n'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def utf8(name: str) -> str:
    r"""The name of a file with what is not UTF-8 in it escaped.

    >>> utf8("a\udcff.mp4")
    'a\\udcff.mp4'
    """
    return name.encode(errors="backslashreplace").decode()


def spreadsheet_text(text: str) -> str:
    """The text as `printable` gives it, with an apostrophe before what a spreadsheet may calculate.

    >>> spreadsheet_text("=1+1")
    "'=1+1"
    """
    safe = printable(text)
    return f"'{safe}" if safe.lstrip().startswith(("=", "+", "-", "@")) else safe
