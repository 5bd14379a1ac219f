"""DAFEC: open screening of travel documents for fraud, in visible, infrared and ultraviolet light."""

__version__ = "0.1.0"
