"""A crop in, a crop or the network's input out: the preset for evaluation and prediction,
augmentation for training, degradations for the robustness test, self-blended images.

It may import `base`, `params` and `core`.
"""
