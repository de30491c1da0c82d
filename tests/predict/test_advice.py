"""Advice for files without a verdict."""

from dataclasses import replace

import pytest
from results import NO_PEOPLE, THREE_PEOPLE

from deepfake.predict.advice import ADVICE, WEAKNESS_ADVICE, advice
from deepfake.predict.result import UndecidedCause, Weakness


@pytest.mark.parametrize("cause", UndecidedCause)
def test_every_cause_has_its_own_advice(cause: UndecidedCause) -> None:
    others = {text for other, text in ADVICE.items() if other is not cause}
    assert advice(replace(NO_PEOPLE, cause=cause)) not in {"", *others}


def test_advice_does_not_depend_on_the_wording_of_the_reason() -> None:
    result = replace(NO_PEOPLE, cause=UndecidedCause.FACE_TOO_SMALL, reason="2 minutes")
    assert advice(result) == ADVICE[UndecidedCause.FACE_TOO_SMALL]


@pytest.mark.parametrize("weakness", Weakness)
def test_every_weakness_has_its_own_advice(weakness: Weakness) -> None:
    others = {text for other, text in WEAKNESS_ADVICE.items() if other is not weakness}
    assert advice(replace(THREE_PEOPLE, weaknesses=(weakness,))) not in {"", *others}


def test_a_verdict_needs_no_advice() -> None:
    assert advice(THREE_PEOPLE) == ""
