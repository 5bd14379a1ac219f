"""Screenings in the order they were kept, for whoever passes them on."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.store.database import mapped_errors
from api.store.models import Screening
from api.store.store import Store

__all__ = ["Kept", "kept_after", "next_kept"]


@dataclass(frozen=True, slots=True)
class Kept:
    """One screening's place in the order."""

    number: int
    id: str


def next_kept(store: Store, after: int) -> Kept | None:
    """The first screening with a higher number; None where there is none."""
    with mapped_errors(), Session(store.reader) as session:
        query = select(Screening.number, Screening.id).where(Screening.number > after).order_by(Screening.number)
        row = session.execute(query.limit(1)).one_or_none()
    return Kept(row.number, row.id) if row is not None else None


def kept_after(store: Store, after: int) -> int:
    """How many screenings have a higher number."""
    with mapped_errors(), Session(store.reader) as session:
        return session.scalar(select(func.count()).select_from(Screening).where(Screening.number > after)) or 0
