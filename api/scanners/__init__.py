"""How captures arrive: HTTP push, watched folder, SANE, eSCL, behind one driver contract (``contract.py``)."""
