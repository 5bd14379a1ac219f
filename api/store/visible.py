"""Which screenings somebody may see, as a condition; the same rule as ``Actor.sees``."""

from __future__ import annotations

from sqlalchemy import ColumnElement, false, or_, true

from api.security.permissions import Actor
from api.store.models import Screening

__all__ = ["seen_by"]


def seen_by(actor: Actor | None) -> ColumnElement[bool]:
    """The condition on screenings.

    Args:
        actor: who asks; None stands for the service itself, which sees all.
    """
    if actor is None or actor.records == "all":
        return true()
    if actor.records == "specimens":
        return Screening.specimen.is_(True)
    if actor.records == "none":
        return false()
    own = Screening.made_by == actor.audit_name
    return own if actor.desk is None else or_(own, Screening.desk == actor.desk)
