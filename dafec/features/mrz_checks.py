"""The MRZ logic checks, in the order of their significance at a desk: ``MRZ_CHECKS`` is what the registry takes."""

from __future__ import annotations

from dafec.features.contract import Check
from dafec.features.mrz_digits import DIGIT_CHECKS
from dafec.features.mrz_reading import FoundCheck, LightsCheck, SecondReaderCheck
from dafec.features.mrz_rules import RULE_CHECKS
from dafec.features.mrz_validity import ExpiryCheck, SpecimenCheck

__all__ = ["MRZ_CHECKS"]

MRZ_CHECKS: tuple[Check, ...] = (
    FoundCheck(),
    *DIGIT_CHECKS,
    LightsCheck(),
    *RULE_CHECKS,
    ExpiryCheck(),
    SpecimenCheck(),
    SecondReaderCheck(),
)
