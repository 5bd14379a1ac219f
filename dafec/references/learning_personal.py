"""What is printed for holders: fields of text, portrait, and where it all stands, learned from the enrolled captures.

It comes after the regions were proposed, because the portrait has to be known, and it goes into the same reference. No
holder's text and no face is kept: of texts, what they are printed with; of portraits, the fine print all of them share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dafec.features.routines_fields import field_boxes, learn_fields, learn_places
from dafec.features.routines_material import Reference
from dafec.features.routines_portrait import learn_portrait
from dafec.features.routines_text import PrintedField, printed_fields
from dafec.geometry import BoxMm
from dafec.references.learning import Learned, on_reference
from dafec.references.series import RegionData

__all__ = ["learn_personal"]


def learn_personal(learned: Learned, regions: Sequence[RegionData]) -> Learned:
    """Add what is personal to what was learned.

    Args:
        learned: of one side.
        regions: proposed for it.

    Returns:
        The same with fields, portrait and the places of personal print; as it is where the side has no visible light.
    """
    if "visible" not in learned.reference.linear:
        return learned
    portraits = [BoxMm(*region.box_mm) for region in regions if region.kind == "portrait"]
    boxes = field_boxes(learned.materials, portraits)
    prints = tuple(tuple(printed_fields(material, boxes)) for material in learned.materials)
    reference = _with_personal(learned, learned.reference, boxes, prints, portraits, without=None)
    materials = tuple(on_reference(reference, material) for material in learned.materials)

    def without(index: int, lonely: Reference) -> Reference:
        return _with_personal(learned, lonely, boxes, prints, portraits, without=index)

    return replace(learned, reference=reference, materials=materials, personal_without=without)


def _with_personal(
    learned: Learned,
    reference: Reference,
    boxes: Sequence[BoxMm],
    prints: Sequence[Sequence[PrintedField | None]],
    portraits: Sequence[BoxMm],
    *,
    without: int | None,
) -> Reference:
    """A reference with what is personal, learned from all captures or without one of them."""
    kept = [index for index in range(len(prints)) if index != without]
    materials = [learned.materials[index] for index in kept]
    portrait = None
    if portraits:
        portrait = learn_portrait(portraits[0], learned.materials, without, reference.portrait)
    return replace(
        reference,
        fields=learn_fields(boxes, [prints[index] for index in kept], learn_places(boxes, materials)),
        portrait=portrait,
    )
