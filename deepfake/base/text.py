"""Text from outside, made safe to show."""


def printable(text: str) -> str:
    r"""The text with an escape in place of whatever could steer a terminal or is no character.

    >>> printable("a\x1b[2J\n")
    'a\\x1b[2J\\n'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
