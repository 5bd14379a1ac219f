"""The second, complete pass of a screening, where its images came from, and what a desk is told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds what is new. A screening of before has no complete pass: its images may be gone already."""
    op.add_column("screenings", sa.Column("origin", sa.String(16), nullable=False, server_default="unknown"))
    op.create_index("ix_screenings_images_digest", "screenings", ["images_digest"])
    op.create_table(
        "completions",
        sa.Column(
            "screening_number", sa.Integer, sa.ForeignKey("screenings.number"), primary_key=True, autoincrement=False
        ),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("changed", sa.DateTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("claimed", sa.DateTime),
        sa.Column("code", sa.String(64)),
        sa.Column("first_level", sa.String(16), nullable=False),
        sa.Column("first_report", sa.LargeBinary),
    )
    op.create_index("ix_completions_state", "completions", ["state", "screening_number"])
    op.create_table(
        "desk_events",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("desk", sa.String(64), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_desk_events_desk", "desk_events", ["desk", "number"])
    op.create_index("ix_desk_events_at", "desk_events", ["at"])


def downgrade() -> None:
    """There is no way back: a backup is."""
    raise NotImplementedError
