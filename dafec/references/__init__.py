"""Document series: what is known of them, how they are learned, kept, found and exchanged.

A series is a folder of a library: ``series.toml`` (``series``) and beside it the learned statistics and one reference
picture a light for each side (``statistics``). ``library`` opens hundreds of them without reading their pictures;
``matching`` finds the series of a page; ``checks`` makes its checks; ``enrolment`` learns a new one from captures;
``exchange`` carries one to another site in a signed file.
"""
