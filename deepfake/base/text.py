"""Text for messages: from outside, made safe to show, and lists that are cut short."""

from collections.abc import Sequence


def printable(text: str) -> str:
    r"""The text with characters that are not printable, such as terminal controls, escaped.

    >>> printable("a\x1b[2J\n")
    'a\\x1b[2J\\n'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def first_names(names: Sequence[str], count: int) -> str:
    """At most `count` of the names, and how many more there are.

    >>> first_names(["a", "b"], 2), first_names(["a", "b", "c"], 2)
    ('a, b', 'a, b and 1 more')
    """
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


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
