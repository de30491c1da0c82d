"""What a verdict is worth: how often the operating point was wrong on test, in words."""

from deepfake.model.operating_points import OperatingPoint, Rate


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
    if any(rate.low is not None for rate in rates):
        sentences.append("In brackets: 95 % intervals.")
    elif sentences:
        groups = min(measured.real_groups, measured.fake_groups)
        sentences.append(
            f"That was measured on {measured.real_videos} real and {measured.fake_videos} fake"
            f" videos of {groups} people, too few for an interval, or most videos are of a few."
        )
    return " ".join(sentences)


def _of_100(rate: Rate) -> str:
    """The rate as a number of 100, with its interval and a verb; "" if it is not known."""
    if rate.value is None:
        return ""
    text = f"about {100 * rate.value:.0f}"
    if rate.low is not None and rate.high is not None:
        text += f" ({100 * rate.low:.0f} to {100 * rate.high:.0f})"
    return f"{text} are"
