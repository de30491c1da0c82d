"""The tab that checks a file."""

from deepfake.serving.page.analyses import analyse
from deepfake.serving.page.file_input import ChosenFile, choose_file
from deepfake.serving.page.result_view import offer_downloads, show_result
from deepfake.serving.page_command import PageSettings
from deepfake.serving.service import Service


def show_check(service: Service, settings: PageSettings) -> list[ChosenFile]:
    """Show one file with all details; returns the files on the page."""
    file = choose_file("one", "Drop an image or a video", settings.limits)
    if file is None:
        return []
    analysis = analyse(service, file)
    if analysis:
        show_result(analysis)
        offer_downloads(analysis)
    return [file]
