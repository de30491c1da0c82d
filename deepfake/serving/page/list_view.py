"""The view of several files: a table that fills, downloads of all, and one file opened."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from deepfake.base.text import spreadsheet_text
from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED
from deepfake.predict.report import data_url
from deepfake.predict.result import Result
from deepfake.serving.page.file_list import (
    FINISHED,
    MAX_FILES,
    FileList,
    ListedFile,
    State,
    reports_zip,
    results_csv,
    results_json,
    seconds_left,
    time_left_text,
)
from deepfake.serving.page.visits import ChosenFile, Visit
from deepfake.serving.service import Analysis, Service

OPENED = "file-list-opened"  # in the session state
UPDATE_SECONDS = 2.0  # between two looks at files that are being analysed
NO_VERDICT = "In progress"  # or cancelled
FILTERS = (LABEL_NAMES[FAKE], UNDECIDED, LABEL_NAMES[REAL], NO_VERDICT)
ROW_HEIGHT, HEADER_HEIGHT, MAX_HEIGHT = 64, 40, 640  # pixels
VERDICT_WIDTH = 110  # pixels, for UNDECIDED


def show_files(
    service: Service,
    files: Sequence[ChosenFile],
    visit: Visit,
    show_one: Callable[[ChosenFile, Analysis], None],
) -> None:
    """Analyse several files, and show them in a table.

    Args:
        service: analyses them.
        files: in the order of the table.
        visit: keeps the list and the analyses.
        show_one: shows the file that the person opens.
    """
    if len(files) > MAX_FILES:
        st.warning(
            f"Only the first {MAX_FILES} of {len(files)} files are analysed. Remove some of them to"
            " go on, or use `deepfake predict` for a folder."
        )
    visit.file_list = file_list = visit.file_list or FileList(service, visit.make_room)
    file_list.update(files[:MAX_FILES], visit.analyses)
    listed = file_list.files()
    is_running = not _all_finished(listed)
    visit.analyses.update({one.file.key: one.analysis for one in listed if one.analysis})
    st.fragment(_show_table, run_every=UPDATE_SECONDS if is_running else None)(
        file_list, is_running
    )
    for one in listed:
        if one.file.key == st.session_state.get(OPENED):
            _show_opened(file_list, one, show_one)


def _all_finished(files: Sequence[ListedFile]) -> bool:
    return all(one.state in FINISHED for one in files)


def _show_table(file_list: FileList, was_running: bool) -> None:
    """Progress and table; they are drawn again while files are being analysed."""
    listed = file_list.files()
    if was_running and _all_finished(listed):
        st.rerun()  # of the whole page, which stops these updates
    if was_running:
        _show_progress(file_list, listed)
    chosen = st.pills("Show only", FILTERS, selection_mode="multi", key="file-list-filter")
    shown = [one for one in listed if not chosen or _verdict(one) in chosen]
    if not was_running:
        shown.sort(key=_suspicion, reverse=True)
    if not shown:
        st.info(f"No file is {' or '.join(chosen)}.")
    event = st.dataframe(
        table_of(shown),
        key=f"file-list-table-{'-'.join(chosen)}",
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        hide_index=True,
        row_height=ROW_HEIGHT,
        placeholder="–",
        height=min(HEADER_HEIGHT + ROW_HEIGHT * len(shown), MAX_HEIGHT),
        column_config={
            "Face": st.column_config.ImageColumn(width="small"),
            "File": st.column_config.TextColumn(width="medium"),
            "Verdict": st.column_config.TextColumn(width=VERDICT_WIDTH),
            "Score": st.column_config.NumberColumn(format="%.2f", width="small"),
        },
        alt="Files with verdict, score and reason",
    )
    st.caption(
        "Click a file to open it below the table, and a title to sort. Highest scores first."
    )
    if _all_finished(listed):
        _offer_downloads([one.analysis for one in listed if one.analysis])
    selection = event["selection"]
    rows = [*selection["rows"], *(row for row, _ in selection["cells"])]
    selected = [shown[row].file.key for row in rows if row < len(shown)]
    opened = selected[0] if selected else None
    if opened != st.session_state.get(OPENED):
        st.session_state[OPENED] = opened
        st.rerun()


def _show_progress(file_list: FileList, listed: Sequence[ListedFile]) -> None:
    finished = sum(one.state in FINISHED for one in listed)
    left = time_left_text(seconds_left(listed))
    st.progress(finished / len(listed), f"{finished} of {len(listed)} files finished{left}")
    text, cancel, cancel_all = st.columns([6, 2, 2], vertical_alignment="center")
    for one in listed:
        if one.state is State.RUNNING:
            text.text(f"{one.file.name}: {one.message}")
            cancel.button(
                "Cancel this file",
                key="file-list-cancel",
                on_click=file_list.cancel,
                args=[one.file.key],
            )
    unfinished = [one.file.key for one in listed if one.state not in FINISHED]
    cancel_all.button(
        "Cancel all",
        key="file-list-cancel-all",
        on_click=_cancel,
        args=[file_list, unfinished],
    )


def _cancel(file_list: FileList, keys: Sequence[str]) -> None:
    for key in keys:
        file_list.cancel(key)


def table_of(files: Sequence[ListedFile]) -> pd.DataFrame:
    """A row for each file; names and reasons are safe in a spreadsheet, as the table can be saved."""
    rows = [
        {
            "Face": _thumbnail(one.analysis.result) if one.analysis else None,
            "Verdict": one.analysis.result.verdict if one.analysis else one.state.value,
            "File": spreadsheet_text(one.file.name),
            "Score": one.analysis.result.score if one.analysis else None,
            "Reason": spreadsheet_text(_reason(one)),
        }
        for one in files
    ]
    table = pd.DataFrame(rows, columns=["Face", "Verdict", "File", "Score", "Reason"])
    return table.astype({"Score": float})


def _suspicion(one: ListedFile) -> float:
    """The score of a file, -1 without one."""
    score = one.analysis.result.score if one.analysis else None
    return -1.0 if score is None else score


def _verdict(one: ListedFile) -> str:
    return one.analysis.result.verdict if one.analysis else NO_VERDICT


def _reason(one: ListedFile) -> str:
    if one.analysis is None:
        return one.message
    return "; ".join(filter(None, (one.analysis.result.reason, one.analysis.result.note)))


def _thumbnail(result: Result) -> str | None:
    """The most suspicious crop of the person who decides the verdict, else of the first one."""
    faces = sorted(result.faces, key=lambda face: face.track != result.decisive)
    frames = faces[0].most_suspicious(1) if faces else []
    return data_url(frames[0].image) if frames else None


def _offer_downloads(analyses: Sequence[Analysis]) -> None:
    """Buttons that save all results."""
    if not analyses:
        return
    for column, (title, make, name, kind) in zip(
        st.columns(3),
        (
            ("Save all as CSV", results_csv, "results.csv", "text/csv"),
            ("Save all as JSON lines", results_json, "results.jsonl", "application/jsonl"),
            ("Save all reports", reports_zip, "reports.zip", "application/zip"),
        ),
        strict=True,
    ):
        column.download_button(
            title, _later(make, analyses), name, kind, on_click="ignore", width="stretch"
        )


def _later(
    make: Callable[[Sequence[Analysis]], object], analyses: Sequence[Analysis]
) -> Callable[[], object]:
    """A function that makes a download when somebody asks for it."""
    return lambda: make(analyses)


def _show_opened(
    file_list: FileList, one: ListedFile, show_one: Callable[[ChosenFile, Analysis], None]
) -> None:
    """The file of the selected row: its result, or what can be done."""
    st.header("Selected file", divider="gray")
    if one.analysis:
        show_one(one.file, one.analysis)
        return
    st.text(f"{one.file.name}: {one.message or one.state.value}")
    if one.state in FINISHED:
        st.button("Try again", on_click=file_list.retry, args=[one.file.key])
    else:
        st.button("Cancel", on_click=file_list.cancel, args=[one.file.key])
