"""How long images and personal data are kept: of cleared documents for a short time, of flagged ones under hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_

from api.store.models import Screening

__all__ = ["RetentionPolicy", "held_from_the_start"]


def held_from_the_start(level: str) -> bool:
    """Whether a screening is kept until somebody releases it: a referred document may become evidence."""
    return level == "refer"


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long images and personal data are kept."""

    cleared: timedelta  # without a finding, or released from a hold; from the screening or the release on
    open: timedelta  # look and not_checked, as long as nobody holds them
    held: timedelta  # under hold; from the screening on

    def due(self, now: datetime) -> ColumnElement[bool]:
        """The condition on screenings whose time is over."""
        moment = now.astimezone(UTC).replace(tzinfo=None)
        since = func.coalesce(Screening.released, Screening.created)
        cleared = or_(Screening.level == "no_anomaly", Screening.released.is_not(None))
        free = ~Screening.held
        return and_(
            Screening.deleted.is_(None),
            or_(
                and_(free, cleared, since < moment - self.cleared),
                and_(free, ~cleared, Screening.created < moment - self.open),
                and_(Screening.held, Screening.created < moment - self.held),
            ),
        )
