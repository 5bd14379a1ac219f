"""Cases: what examiners note, mark and conclude about a flagged screening, and what officers decided at the desk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the tables; every screening of before that was flagged becomes an open case."""
    _add_cases()
    _add_work()
    op.execute(
        sa.text(
            "INSERT INTO cases (screening_number, opened, changed, origin, status, issuer, series, format, findings) "
            "SELECT number, created, created, 'flagged', 'open', '', '', '', '' FROM screenings "
            "WHERE level IN ('look', 'refer') ORDER BY number"
        )
    )


def _case_column() -> sa.Column[int]:
    return sa.Column("case_number", sa.Integer, sa.ForeignKey("cases.number"), nullable=False, index=True)


def _add_cases() -> None:
    op.create_table(
        "cases",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("screening_number", sa.Integer, sa.ForeignKey("screenings.number"), nullable=False),
        sa.Column("opened", sa.DateTime, nullable=False),
        sa.Column("changed", sa.DateTime, nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(24)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("assignee", sa.String(90)),
        sa.Column("second_asked_by", sa.String(90)),
        sa.Column("issuer", sa.String(8), nullable=False),
        sa.Column("series", sa.String(64), nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
        sa.UniqueConstraint("screening_number"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cases_status", "cases", ["status", "number"])


def _add_work() -> None:
    op.create_table(
        "case_notes",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False),
        _case_column(),
        sa.Column("author", sa.String(90), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "case_annotations",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False),
        _case_column(),
        sa.Column("author", sa.String(90), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("light", sa.String(16), nullable=False),
        sa.Column("shape", sa.String(16), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("removed", sa.DateTime),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "case_opinions",
        sa.Column("number", sa.Integer, primary_key=True),
        _case_column(),
        sa.Column("author", sa.String(90), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("conclusion", sa.String(32), nullable=False),
        sa.Column("support", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("case_number", "author", "kind"),
    )
    op.create_table(
        "desk_decisions",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("screening_number", sa.Integer, sa.ForeignKey("screenings.number"), nullable=False, index=True),
        sa.Column("author", sa.String(90), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(24), nullable=False),
    )
    op.create_table(
        "corrected_reads",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("screening_number", sa.Integer, sa.ForeignKey("screenings.number"), nullable=False, index=True),
        sa.Column("author", sa.String(90), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """There is no way back: a backup is."""
    raise NotImplementedError
