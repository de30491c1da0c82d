"""A review as Markdown and as HTML: the same sections, with pictures in the HTML."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from deepfake.base.text import printable
from deepfake.review.html import render

# Text without a character that Markdown could take for its own.
PLAIN = re.compile(r"[A-Za-z0-9 .,;/%:()=+≥≤→±'-]*")

TONES = {"better": "good", "right": "good", "worse": "bad", "wrong": "bad"}  # colours of cells


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes:
        caption: what it shows.
        columns: their headings.
        rows: a text for each column.
        images: a data: URL or None for each row, if the HTML shows pictures instead of a table.
        collapsed: whether a reader has to open it.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    images: Sequence[str | None] | None = None
    collapsed: bool = False


@dataclass(frozen=True)
class Figure:
    """A chart, for the HTML only."""

    title: str
    svg: Markup


@dataclass(frozen=True)
class Section:
    """A part of a page, in this order: notes, tables, figures."""

    title: str
    notes: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = field(default=())


@dataclass(frozen=True)
class Page:
    """A whole review.

    Attributes:
        old, new: titles of the two revisions.
        sections: from the most important one.
    """

    old: str
    new: str
    sections: Sequence[Section]

    def markdown(self) -> str:
        """The page for a comment or a job summary; names from outside cannot become markup."""
        return "\n".join(_markdown(self)) + "\n"

    def html(self) -> str:
        """The page as one file that requests nothing, with light and dark colours."""
        return render("review.html", page=self, code_words=code_words, tones=TONES)


def _markdown(page: Page) -> Iterator[str]:
    yield f"# Review: {_safe(page.old)} → {_safe(page.new)}"
    for section in page.sections:
        yield f"\n## {section.title}\n"
        yield from (f"- {_safe(note)}" for note in section.notes)
        for table in section.tables:
            more = f"<details><summary>{len(table.rows)} {table.caption.lower()}</summary>"
            yield f"\n{more if table.collapsed else f'{table.caption}:'}\n"
            yield _row(table.columns)
            yield "|" + " --- |" * len(table.columns)
            yield from (_row(row) for row in table.rows)
            if table.collapsed:
                yield "\n</details>"
        if section.figures:
            yield "- see the HTML page"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_safe(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _safe(text: str) -> str:
    """The text with all words as code that have characters which mean something in Markdown."""
    return "".join(f"`{part}`" if is_code else part for is_code, part in _parts(text))


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Plain parts of a text, and those to show as code: in backticks, or not plain."""
    for place, part in enumerate(printable(text).split("`")):
        if place % 2:
            yield True, part
        else:
            for word in re.split(r"( +)", part):
                yield not PLAIN.fullmatch(word), word


def code_words(text: str) -> Markup:
    """The text as HTML, with what is in backticks as code."""
    parts = printable(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )
