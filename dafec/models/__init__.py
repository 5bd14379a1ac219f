"""ONNX models, their manifest and cards, and the runtime that loads them."""
