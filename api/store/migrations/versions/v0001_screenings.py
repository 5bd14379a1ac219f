"""The first released schema: screenings, their images, and the probe. SQLite only knew it without Alembic."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "screenings",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("made", sa.Integer, nullable=False),
        sa.Column("not_possible", sa.Integer, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("images_digest", sa.String(64), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(32)),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("key_digest"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "images",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("screening_number", sa.Integer, sa.ForeignKey("screenings.number"), nullable=False, index=True),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("light", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, index=True),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.UniqueConstraint("screening_number", "page", "light"),
    )
    op.create_table(
        "probe",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("written", sa.DateTime, nullable=False),
    )


def downgrade() -> None:
    """There is no way back: a backup is."""
    raise NotImplementedError
