"""What a verdict says, and what it is worth: how often the operating point was wrong on test."""

from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED
from deepfake.model.operating_points import Measured, OperatingPoint, Rate
from deepfake.predict.result import Result

PLAIN_VERDICTS = {  # for people who do not know the labels
    LABEL_NAMES[FAKE]: "Looks manipulated",
    LABEL_NAMES[REAL]: "No sign of manipulation found",
    UNDECIDED: "Cannot say",
}
MEANINGS = {  # directly below, since a headline is taken for a proof
    LABEL_NAMES[
        FAKE
    ]: "Something in the face resembles the fakes that the model knows. This is not a proof.",
    LABEL_NAMES[REAL]: "The model noticed nothing. This does not show that the file is genuine.",
    UNDECIDED: "The model cannot tell. The file may be real or fake.",
}
USE = (
    "Use a verdict as a hint for a person who checks further. Do not publish an accusation, decide about"
    " a person, or clear a file of suspicion because of it."
)


def plain_verdict(result: Result) -> str:
    """The verdict in everyday words."""
    return PLAIN_VERDICTS[result.verdict]


def describe_meaning(result: Result) -> str:
    """What the verdict does not show, in everyday words."""
    return MEANINGS[result.verdict]


def describe_sureness(result: Result) -> str:
    """Whether other frames could change the verdict, and why; "" without a score."""
    if result.score is None:
        return ""
    if result.interval is None:
        return "There are too few frames for a score range."
    low, high = result.interval
    sentence = f"Score range over frames (95 %): {low:.2f} to {high:.2f}"
    if result.frames_agree is None:
        return f"{sentence}."
    if result.frames_agree:
        return f"{sentence}, all {result.verdict}: other frames of this file would hardly change the verdict. It can still be wrong."
    return f"{sentence}, on both sides of a threshold: other frames could change the verdict."


def describe_thresholds(point: OperatingPoint) -> str:
    """Which scores give which verdict, as a sentence.

    >>> from deepfake.model.operating_points import Thresholds
    >>> describe_thresholds(OperatingPoint("balanced", Thresholds(0.5, 0.5)))
    'Scores of 0.50 or more are FAKE.'
    """
    thresholds = point.thresholds
    sentence = f"Scores of {thresholds.fake_from:.2f} or more are FAKE"
    if thresholds.leave_undecided:
        sentence += f", below {thresholds.real_below:.2f} REAL, and between them UNDECIDED"
    return f"{sentence}."


def describe_worth(point: OperatingPoint) -> str:
    """How many of 100 real and of 100 fake videos get a wrong verdict; "" if it was not measured."""
    measured = point.measured
    if measured is None:
        return ""
    false_alarms = _of_100(measured.false_positive_rate)
    missed = _of_100(measured.false_negative_rate)
    left = _of_100(measured.undecided)
    sentences = []
    if false_alarms:
        sentences.append(
            f"Of 100 real videos like those of the test set, {false_alarms} called FAKE at this"
            " setting."
        )
    if missed:
        sentences.append(f"Of 100 fake ones, {missed} called REAL.")
    if left and point.thresholds.leave_undecided:
        sentences.append(f"Of 100 videos, {left} left UNDECIDED.")
    rates = (measured.false_positive_rate, measured.false_negative_rate)
    if sentences:
        sentences.append(_how_measured(measured, *rates))
    return " ".join(filter(None, sentences))


def describe_verdict_worth(result: Result) -> str:
    """How often the other label gets this verdict on test; "" if it was not measured.

    Of an UNDECIDED file it is how often that happens, and how often the other verdicts are wrong.
    """
    measured = result.operating_point.measured
    if measured is None or result.score is None:
        return ""
    if result.verdict == UNDECIDED:
        return describe_worth(result.operating_point)
    if result.verdict == LABEL_NAMES[FAKE]:
        rate, videos, called = measured.false_positive_rate, "real videos", "called FAKE"
    else:
        rate, videos, called = measured.false_negative_rate, "fake videos", "called REAL"
    number = _of_100(rate)
    if not number:
        return ""
    sentence = (
        f"Of 100 {videos} like those of the test set, {number} also {called} at this setting."
    )
    return f"{sentence} {_how_measured(measured, rate)}".rstrip()


def _how_measured(measured: Measured, *rates: Rate) -> str:
    """What the brackets are; or the numbers of videos and people if they are too few."""
    if any(rate.low is not None for rate in rates):
        return "In brackets: the margin of error (95 % intervals)."
    groups = min(measured.real_groups, measured.fake_groups)
    return (
        f"That was measured on {measured.real_videos} real and {measured.fake_videos} fake"
        f" videos of {groups} people, which is not enough for a margin of error."
    )


def _of_100(rate: Rate) -> str:
    """The rate as a number of 100, with its interval and a verb; "" if it is not known."""
    if rate.value is None:
        return ""
    text = f"about {100 * rate.value:.0f}"
    if rate.low is not None and rate.high is not None:
        text += f" ({100 * rate.low:.0f} to {100 * rate.high:.0f})"
    return f"{text} are"
