"""The model card: an earlier one is read with the words of today."""

import json
from pathlib import Path

import pytest

from deepfake.base.errors import ModelError
from deepfake.model.card import CARD, STARTER, parse_card, read_card
from deepfake.params.schema import CropsParams, FramesParams


def test_the_starter_is_read_although_it_is_older(repository: Path) -> None:
    card = read_card(repository / STARTER)
    FramesParams.model_validate(card.preprocessing["frames"])
    CropsParams.model_validate(card.preprocessing["crops"])


@pytest.mark.parametrize(("old", "new"), [("4:4:4", "yuv444"), ("4:2:0", "yuv420")])
def test_the_chroma_of_an_earlier_card(repository: Path, old: str, new: str) -> None:
    content = json.loads((repository / STARTER / CARD).read_text())
    content["preprocessing"]["frames"]["jpeg_chroma"] = old
    assert parse_card(json.dumps(content)).preprocessing["frames"]["jpeg_chroma"] == new


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_what_is_no_card_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / CARD).write_text(text)
    with pytest.raises(ModelError, match="is not a model card of this version"):
        read_card(tmp_path)
