"""The crops of train and val in, trained weights out.

It may import `base`, `params`, `core`, `transforms` and `model`.
"""
