"""The tab that compares two files."""

import streamlit as st

from deepfake.serving.html import comparison_part
from deepfake.serving.page.analyses import analyse
from deepfake.serving.page.file_input import ChosenFile, choose_file
from deepfake.serving.page.result_view import show_result
from deepfake.serving.page_command import PageSettings
from deepfake.serving.service import Service


def show_comparison(service: Service, settings: PageSettings) -> list[ChosenFile]:
    """Show two files side by side; returns the files on the page."""
    titles = {"first": "Drop the first file", "second": "Drop the second file"}
    files, analyses = [], []
    for column, (key, title) in zip(st.columns(2), titles.items(), strict=True):
        with column:
            file = choose_file(key, title, settings.limits)
            analysis = analyse(service, file) if file else None
            if analysis:
                show_result(analysis)
        files.append(file)
        analyses.append(analysis)
    first, second = analyses
    if first and second:
        st.subheader("Comparison")
        st.html(comparison_part(first.result, second.result))
    return [file for file in files if file]
