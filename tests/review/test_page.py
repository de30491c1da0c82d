"""The page as Markdown and HTML: names from outside, pictures, charts."""

import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup

from deepfake.review.charts import MAX_POINTS, Curve, draw
from deepfake.review.page import Figure, Page, Section, Table

EVIL = "<img src=x onerror=alert(1)> | [a](http://b) @someone **c** `d`"
CURVE = Curve("ROC", "fpr", "tpr", "false positive rate", "true positive rate")


def page(*sections: Section) -> Page:
    return Page("main (1234567)", "work tree", sections)


def test_names_from_outside_cannot_become_markup() -> None:
    table = Table("Videos", ["video"], [[EVIL]])
    images = Table("Faces", ["video", "label"], [[EVIL, EVIL]], [None])
    one = Page(EVIL, EVIL, [Section("Data", [EVIL], [table, images])])
    html = one.html()
    assert "<img" not in html
    assert "&lt;img src=x" in html
    outside_code = "".join(one.markdown().split("`")[::2])
    assert not {*"<>[]@*"} & {*outside_code.replace("> ", "")}
    rows = [line for line in one.markdown().splitlines() if line.startswith("| `")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [2, 3], "of one cell and of two"


def test_commands_in_notes_are_code() -> None:
    one = page(Section("Stages", ["run `dvc repro`, then commit metrics_a"]))
    assert "run <code>dvc repro</code>, then commit metrics_a" in one.html()
    assert "- run `dvc repro`, then commit `metrics_a`" in one.markdown()


def test_a_page_of_nothing() -> None:
    assert page().markdown() == "# Review: main (1234567) → work tree\n"
    assert "<h1>Review: main (1234567) → work tree</h1>" in page().html()


def test_long_tables_are_collapsed() -> None:
    table = Table("More videos", ["video"], [["a"], ["b"]], collapsed=True)
    for text in (
        page(Section("A", tables=[table])).markdown(),
        page(Section("A", tables=[table])).html(),
    ):
        assert "<details><summary>2 more videos</summary>" in text
        assert text.count("</details>") == 1


def test_figures_are_in_the_html_only() -> None:
    one = page(Section("Plots", figures=[Figure("ROC", Markup("<svg></svg>"))]))
    assert "<figcaption>ROC</figcaption><svg></svg>" in one.html()
    assert "svg" not in one.markdown()


def rates(count: int) -> pd.DataFrame:
    values = np.linspace(0, 1, count)
    return pd.DataFrame({"fpr": values, "tpr": values**0.5})


def test_a_chart_has_a_line_for_each_revision() -> None:
    both = draw(CURVE, rates(5), rates(9))
    assert both.count("<polyline") == 2
    assert both.count("<circle") == 14
    assert 'aria-label="ROC: true positive rate over false positive rate"' in both
    assert draw(CURVE, None, rates(9)).count("<polyline") == 1


def test_a_chart_of_many_points_keeps_its_ends() -> None:
    svg = draw(CURVE, None, rates(10_000))
    (points,) = (part.split('"')[0] for part in svg.split('points="')[1:])
    assert len(points.split()) == MAX_POINTS
    assert points.split()[0] == "44.0,210.0"
    assert points.split()[-1] == "308.0,12.0"


@pytest.mark.parametrize(
    "table",
    [rates(0), rates(1), rates(3).assign(tpr=np.nan), rates(2).assign(fpr=7.0)],
    ids=["empty", "one point", "no values", "one place"],
)
def test_a_chart_of_almost_nothing(table: pd.DataFrame) -> None:
    free = Curve("Loss", "fpr", "tpr", "epoch", "loss", x_range=None, y_range=None)
    for curve in (CURVE, free):
        assert "nan" not in draw(curve, table, None)
