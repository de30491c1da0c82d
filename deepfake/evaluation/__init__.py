"""A model and the splits in, predictions, metrics with intervals and curves out; shortcuts and
robustness too.

It may import `base`, `params`, `core`, `transforms` and `model`.
"""
