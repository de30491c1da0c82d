"""Tables and crops of other stages in, figures out (plots/*.png).

It may import `base`, `params`, `core`, `transforms`, `model` and `evaluation`.
"""
