"""What can be told without looking at a face; if it is much, the data set leaks its labels."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

METADATA = ["width", "height", "fps", "frame_count", "file_bytes", "bits_per_pixel"]
SHARPNESS = ["log_sharpness", "sharpness_spread"]


def metadata_features(frames: pd.DataFrame) -> pd.DataFrame:
    """Size, speed, length and bit rate of each video, indexed by video_id."""
    pixels = (frames["width"] * frames["height"] * frames["frame_count"]).clip(lower=1)
    table = frames.assign(bits_per_pixel=8 * frames["file_bytes"] / pixels)
    return table.set_index("video_id")[METADATA].astype(float)


def sharpness_features(crops: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread of the log sharpness of each video's crops, indexed by video_id."""
    logs = np.log1p(crops["sharpness"]).groupby(crops["video_id"])
    return pd.DataFrame({SHARPNESS[0]: logs.mean(), SHARPNESS[1]: logs.std(ddof=0)})


def baseline_roc_auc(features: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame) -> float:
    """ROC-AUC on test of a logistic regression fitted on train; NaN where a label is missing.

    Args:
        features: numbers by video_id; videos without them are left out.
        train, test: rows of the splits.
    """
    train = train[train["video_id"].isin(features.index)]
    test = test[test["video_id"].isin(features.index)]
    if train["label"].nunique() < 2 or test["label"].nunique() < 2:
        return float("nan")
    classifier = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
    )
    classifier.fit(features.loc[train["video_id"]], train["label"])
    scores = classifier.predict_proba(features.loc[test["video_id"]])[:, 1]
    return float(roc_auc_score(test["label"], scores))
