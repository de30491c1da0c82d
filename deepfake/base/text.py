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
