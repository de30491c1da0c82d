"""Crops in, logits, scores and heat maps out: the network, its card, its calibration, its ONNX file,
and where a published model is found.

It may import `base`, `params`, `core` and `transforms`.
"""
