"""Images and reports under a key of their screening, retention, and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds what is new; every image of before stays readable until the service has sealed it."""
    op.add_column("screenings", sa.Column("sealed_report", sa.LargeBinary))
    op.add_column("screenings", sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("screenings", sa.Column("released", sa.DateTime))
    op.add_column("screenings", sa.Column("deleted", sa.DateTime))
    op.create_index("ix_screenings_retention", "screenings", ["deleted", "created"])
    op.add_column("images", sa.Column("blob", sa.String(64)))
    op.add_column("images", sa.Column("sealed", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_images_blob", "images", ["blob"])
    op.execute(sa.text("UPDATE images SET blob = sha256"))
    op.execute(sa.text("UPDATE screenings SET held = true WHERE level = 'refer'"))
    _add_keys()
    _add_audit_log()


def _add_keys() -> None:
    op.create_table(
        "case_keys",
        sa.Column(
            "screening_number", sa.Integer, sa.ForeignKey("screenings.number"), primary_key=True, autoincrement=False
        ),
        sa.Column("master", sa.String(16), nullable=False, index=True),
        sa.Column("wrapped", sa.LargeBinary(128), nullable=False),
    )
    op.create_table(
        "used_keys",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("first_used", sa.DateTime, nullable=False),
        sa.UniqueConstraint("id"),
    )


def _add_audit_log() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("leaf", sa.LargeBinary(32), nullable=False),
        sa.Column("entry", sa.Text, nullable=False),
    )
    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "audit_heads",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("size", sa.Integer, nullable=False, index=True),
        sa.Column("head", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """There is no way back: a backup is."""
    raise NotImplementedError
