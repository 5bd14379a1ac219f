"""Finding, reading and parsing the machine-readable zone; the second reader; the visual zone."""
