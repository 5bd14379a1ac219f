"""Recipes that train the ONNX models; needs the extra ``train``; nothing here is imported at run time."""
