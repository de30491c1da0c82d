"""A model and the splits in, predictions, metrics with intervals and curves out; also shortcuts and
robustness.

It may import `base`, `params`, `core`, `transforms` and `model`.
"""
