"""What all steps share: files written atomically, tables as CSV, one archive per video, the image
type and its JPEG codec, types of media files, labels, landmarks, even spacing, ROC-AUC.

It may import `base` and `params`.
"""
