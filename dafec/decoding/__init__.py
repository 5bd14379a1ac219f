"""Decoding untrusted image bytes within limits.

The order is always the same: what kind of file is it (``headers``), what does its header claim (one module per
format), is that within the limits, and only then are pixels decoded (``pixels``). PDF is opened in a process of its
own (``pdf``), because its format can ask for any amount of memory before a single image size is known.
"""
