"""Synthetic travel documents in three bands, and the forgeries that criminals make of them.

A document is layers of ink on a substrate (``model``), described as data (``series/*.toml``), issued to an invented
person (``persons``, ``issue``), drawn (``artwork``), printed by a process with a microstructure of its own
(``processes``), worn by life (``wear``) and seen by a scanner in visible, infrared and ultraviolet light
(``scanners``). Forgeries (``forgeries``) change the issue, the artwork or the object before the scanner, or the
pictures after it. ``make`` holds the way from a request to a capture folder with its truth.

Everything here is synthetic and invented. Figures measured on it are figures on synthetic documents.
"""
