"""The view of one result."""

from pathlib import PurePath

import streamlit as st

from deepfake.predict.output import as_json
from deepfake.predict.report import report_name
from deepfake.serving.html import people_part, verdict_part
from deepfake.serving.service import Analysis


def show_result(analysis: Analysis) -> None:
    """Show the verdict and the people."""
    st.html(verdict_part(analysis.result))
    st.html(people_part(analysis.result, analysis.people))


def offer_downloads(analysis: Analysis) -> None:
    """Show the buttons that save the JSON and the report."""
    name = report_name(analysis.result.path, ())
    json_column, report_column = st.columns(2)
    json_column.download_button(
        "Save as JSON",
        as_json(analysis.result, with_frames=True),
        f"{PurePath(name).stem}.json",
        "application/json",
        on_click="ignore",
        width="stretch",
    )
    report_column.download_button(
        "Save the report", analysis.report, name, "text/html", on_click="ignore", width="stretch"
    )
