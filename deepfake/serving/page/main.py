"""What `deepfake app` shows. Streamlit runs this file anew whenever somebody does something."""

import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath
from typing import BinaryIO

import streamlit as st

from deepfake.base.errors import DeepfakeError
from deepfake.predict.output import as_json
from deepfake.predict.report import report_name
from deepfake.serving.html import comparison_part, model_part, people_part, style, verdict_part
from deepfake.serving.page_command import PageSettings
from deepfake.serving.sample_clips import samples
from deepfake.serving.service import Examined, Service

SETTINGS = PageSettings.from_environment(os.environ)
SEEN = "examined"  # of the session: what is shown at the moment, by its key


@dataclass(frozen=True)
class Chosen:
    """A file to look at: its key tells it from others of the same name."""

    key: str
    name: str
    stream: BinaryIO


def main() -> None:
    """The page."""
    st.set_page_config("Deepfake detector", layout="wide")
    st.html(style())
    st.title("Was a face swapped?")
    try:
        service = load_service(SETTINGS)
    except DeepfakeError as error:
        st.error(str(error))
        st.stop()
    check, compare, model = st.tabs(["Check a file", "Compare two", "The model"])
    with check:
        shown = [check_tab(service)]
    with compare:
        shown += compare_tab(service)
    with model:
        st.html(model_part(service.detector.card))
    forget_all_but({chosen.key for chosen in shown if chosen})


def _load(settings: PageSettings) -> Service:
    return Service.load(settings.model, settings.limits)


load_service = st.cache_resource(
    show_spinner="Loading the model", hash_funcs={PageSettings: PageSettings.to_text}
)(_load)


def check_tab(service: Service) -> Chosen | None:
    """One file in full; which."""
    chosen = choose("one", "Drop an image or a video")
    examined = look_at(service, chosen) if chosen else None
    if examined:
        st.html(verdict_part(examined.result))
        st.html(people_part(examined.result, examined.people))
        offer(examined)
    return chosen


def compare_tab(service: Service) -> list[Chosen | None]:
    """Two files beside each other; which."""
    titles = {"first": "Drop the first file", "second": "Drop the second file"}
    found = []
    for side, (key, title) in zip(st.columns(2), titles.items(), strict=True):
        with side:
            chosen = choose(key, title)
            examined = look_at(service, chosen) if chosen else None
            if examined:
                st.html(verdict_part(examined.result))
                st.html(people_part(examined.result, examined.people))
            found.append((chosen, examined))
    (_, first), (_, second) = found
    if first and second:
        st.subheader("Compared")
        st.html(comparison_part(first.result, second.result))
    return [chosen for chosen, _ in found]


def choose(key: str, title: str) -> Chosen | None:
    """A place to drop a file, and samples; an own file goes first."""
    limits = SETTINGS.limits
    uploaded = st.file_uploader(
        f"{title}, up to {limits.megabytes} MB and {limits.minutes:g} minutes", key=f"{key}-file"
    )
    invitation = st.empty()
    if uploaded is not None:
        invitation.empty()
        return Chosen(f"{key}-{uploaded.file_id}", uploaded.name, uploaded)
    titles = {one.title: one for one in samples()}
    with invitation.container():
        sample = (
            st.pills("Or try one of these", list(titles), key=f"{key}-sample") if titles else None
        )
        st.caption("A file is judged on this machine, sent nowhere, and deleted afterwards.")
    if sample is None:
        return None
    path = titles[sample].path
    return Chosen(f"{key}-{path}", path.name, BytesIO(path.read_bytes()))


def look_at(service: Service, chosen: Chosen) -> Examined | None:
    """What was found out about a file, now or before; None if it could not be taken."""
    seen: dict[str, Examined] = st.session_state.setdefault(SEEN, {})
    place = st.empty()  # there in each run, since Streamlit tells elements by their order
    if chosen.key not in seen:
        with place.status("Reading the file") as status:
            try:
                chosen.stream.seek(0)
                seen[chosen.key] = service.examine(
                    chosen.stream, chosen.name, lambda words: status.update(label=words)
                )
            except DeepfakeError as error:
                status.update(label=f"Not judged: {error}", state="error")
                st.button("Try again", key=f"{chosen.key}-again")  # that runs the page anew
                return None
        place.empty()
    return seen[chosen.key]


def offer(examined: Examined) -> None:
    """The report and the JSON, to keep."""
    name = report_name(examined.result.path, ())
    json_side, html_side = st.columns(2)
    json_side.download_button(
        "Save as JSON",
        as_json(examined.result, with_frames=True),
        f"{PurePath(name).stem}.json",
        "application/json",
        on_click="ignore",
        width="stretch",
    )
    html_side.download_button(
        "Save the report", examined.report, name, "text/html", on_click="ignore", width="stretch"
    )


def forget_all_but(keys: set[str]) -> None:
    """Drop what is shown no longer."""
    seen: dict[str, Examined] = st.session_state.get(SEEN, {})
    for key in set(seen) - keys:
        del seen[key]


if __name__ == "__main__":
    main()
