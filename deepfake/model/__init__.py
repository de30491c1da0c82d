"""Crops in, logits, scores and heat maps out: the network, its card, its calibration, its ONNX file,
where a published model is found, and models from elsewhere.

It may import `base`, `params`, `core` and `transforms`.
"""
