"""Screening an archive again: runs, and what each says of each document."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds what is new."""
    op.create_table(
        "rescreen_runs",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(40), nullable=False, unique=True),
        sa.Column("begun", sa.DateTime, nullable=False),
        sa.Column("ended", sa.DateTime),
        sa.Column("software", sa.String(64), nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
    )
    op.create_table(
        "rescreenings",
        sa.Column(
            "run_number", sa.Integer, sa.ForeignKey("rescreen_runs.number"), primary_key=True, autoincrement=False
        ),
        sa.Column(
            "screening_number", sa.Integer, sa.ForeignKey("screenings.number"), primary_key=True, autoincrement=False
        ),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("changed", sa.DateTime, nullable=False),
        sa.Column("code", sa.String(64)),
        sa.Column("level_before", sa.String(16), nullable=False),
        sa.Column("level", sa.String(16)),
        sa.Column("made", sa.Integer),
        sa.Column("not_possible", sa.Integer),
        sa.Column("result", sa.Text),
        sa.Column("sealed_report", sa.LargeBinary),
    )
    op.create_index("ix_rescreenings_state", "rescreenings", ["run_number", "state", "screening_number"])
    op.create_index("ix_rescreenings_screening", "rescreenings", ["screening_number"])


def downgrade() -> None:
    """There is no way back: a backup is."""
    raise NotImplementedError
