"""What of a report may stay when the document's holder is to be forgotten (Doc 9303-2 Appendix C, C.5; STANDARDS 7.3).

The verdict, the checks and what they measured stay, so that a site can go on counting; the zone, every reading of it
and every text that quotes them go. What is left is a report of the same schema.
"""

from __future__ import annotations

from collections.abc import Mapping

from dafec.report import CheckInfo, MrzInfo, RemarkInfo, Report, texts

__all__ = ["without_personal_data"]

#: Fields of a machine-readable zone that say nothing about its holder.
_KEPT_FIELDS = frozenset({"document_code", "issuer"})
#: Checks whose measurements are about what is written, and not about how.
_ABOUT_TEXT = ("MRZ-", "VIZ-")
_WITHHELD = "\N{HORIZONTAL ELLIPSIS}"


def without_personal_data(report: Report) -> Report:
    """The report without anything about the document's holder.

    Args:
        report: as made.

    Returns:
        A report of the same schema; where text was taken out, an ellipsis stands.
    """
    return report.model_copy(
        update={
            "mrz": _zone(report.mrz),
            "readings": [reading.model_copy(update={"lines": []}) for reading in report.readings],
            "other_zones": [_zone(zone) for zone in report.other_zones],
            "checks": [_check(check) for check in report.checks],
        }
    )


def _zone(zone: MrzInfo) -> MrzInfo:
    return zone.model_copy(
        update={
            "lines": [],
            "fields": {name: value for name, value in zone.fields.items() if name in _KEPT_FIELDS},
            "check_digits": [
                digit.model_copy(update={"printed": _WITHHELD, "expected": _WITHHELD}) for digit in zone.check_digits
            ],
            "notes": [_remark(remark) for remark in zone.notes],
            "faults": [_remark(remark) for remark in zone.faults],
            "alternatives": [],
        }
    )


def _remark(remark: RemarkInfo) -> RemarkInfo:
    return remark.model_copy(update={"message": remark.code, "detail": None})


def _check(check: CheckInfo) -> CheckInfo:
    about_text = check.id.startswith(_ABOUT_TEXT)
    values: Mapping[str, str | int | float] = {
        name: _WITHHELD if about_text or isinstance(value, str) else value for name, value in check.values.items()
    }
    kept = {"values": values, "text": texts(check.message, values)}
    return check.model_copy(update=kept | ({"value": None, "expected": None} if about_text else {}))
