"""Hostile input for hours: the interface, the decoders, the parser of the zone. Each a command that prints counts."""
