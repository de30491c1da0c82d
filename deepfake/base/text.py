"""Text from outside, made safe to show."""


def printable(text: str) -> str:
    r"""The text with characters that are not printable, such as terminal controls, escaped.

    >>> printable("a\x1b[2J\n")
    'a\\x1b[2J\\n'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
