"""Users, desks, their sessions; and of a screening, where and by whom it was made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds what is new. Screenings of before belong to no desk: who sees all records sees them."""
    op.add_column("screenings", sa.Column("desk", sa.String(32)))
    op.add_column("screenings", sa.Column("made_by", sa.String(96), nullable=False, server_default=""))
    op.add_column("screenings", sa.Column("specimen", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_screenings_desk", "screenings", ["desk"])
    _add_people()
    _add_sessions()


def _add_people() -> None:
    op.create_table(
        "desks",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("key_made", sa.DateTime, nullable=False),
        sa.Column("revoked", sa.DateTime),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("key_digest"),
    )
    op.create_table(
        "users",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("roles", sa.String(80), nullable=False),
        sa.Column("desk_number", sa.Integer, sa.ForeignKey("desks.number")),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("disabled", sa.DateTime),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("password_changed", sa.DateTime, nullable=False),
        sa.Column("must_change", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("password_expires", sa.DateTime),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "second_factors",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("user_number", sa.Integer, sa.ForeignKey("users.number"), nullable=False, index=True),
        sa.Column("master", sa.String(16), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(128), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("made", sa.DateTime, nullable=False),
        sa.Column("confirmed", sa.DateTime),
        sa.Column("last_step", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("user_number", sa.Integer, sa.ForeignKey("users.number"), nullable=False, index=True),
    )


def _add_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("user_number", sa.Integer, sa.ForeignKey("users.number"), nullable=False, index=True),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("last_seen", sa.DateTime, nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("token_digest"),
    )
    op.create_table(
        "login_attempts",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last", sa.DateTime, nullable=False),
        sa.Column("blocked_until", sa.DateTime),
    )
    op.create_table(
        "nonces",
        sa.Column("desk_number", sa.Integer, sa.ForeignKey("desks.number"), primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("expires", sa.DateTime, nullable=False, index=True),
    )


def downgrade() -> None:
    """There is no way back: a backup is."""
    raise NotImplementedError
