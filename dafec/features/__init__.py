"""Security-feature checks, one module per check or close family, and their registry."""
