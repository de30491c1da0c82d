"""Frames in, face crops of every person out (data/crops): faces are detected, tracked, aligned and
cropped. Landmarks and embeddings of the crops are found here too.

It may import `base`, `params`, `core` and `jobs`.
"""
