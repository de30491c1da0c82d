"""A model and the splits in, predictions, metrics with intervals and curves out; also shortcuts,
robustness and files with the scores of other detectors.

It may import `base`, `params`, `core`, `transforms`, `splits` and `model`.
"""
