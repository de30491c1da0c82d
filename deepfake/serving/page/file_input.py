"""Where a person gives the page a file."""

from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import streamlit as st

from deepfake.serving.sample_clips import existing_clips
from deepfake.serving.uploads import UploadLimits


@dataclass(frozen=True)
class ChosenFile:
    """A file to analyse; its key differs from that of every other file, also of the same name."""

    key: str
    name: str
    stream: BinaryIO


def choose_file(key: str, title: str, limits: UploadLimits) -> ChosenFile | None:
    """Show a file uploader, and sample clips while nothing is uploaded."""
    uploaded = st.file_uploader(
        f"{title}, up to {limits.megabytes} MB and {limits.minutes:g} minutes", key=f"{key}-file"
    )
    invitation = st.empty()
    if uploaded is not None:
        invitation.empty()
        return ChosenFile(f"{key}-{uploaded.file_id}", uploaded.name, uploaded)
    clips = {clip.title: clip for clip in existing_clips()}
    with invitation.container():
        title_of_clip = (
            st.pills("Or try one of these", list(clips), key=f"{key}-sample") if clips else None
        )
        if clips:
            st.caption("The name says what a clip really shows. The model may be wrong about it.")
        st.caption("Files are analysed on this machine, sent nowhere, and deleted afterwards.")
    if title_of_clip is None:
        return None
    path = clips[title_of_clip].path
    return ChosenFile(f"{key}-{path}", path.name, BytesIO(path.read_bytes()))
