"""The schema's version: a new database is made, an older one migrated, a newer or a stranger's refused.

SQLite carries two marks of its own beside Alembic's table: ``application_id`` tells a stranger's database, and
``user_version`` keeps a DAFEC from before Alembic from opening what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from api.store import (  # noqa: F401 - their tables belong to the schema
    account_models,
    arrival_models,
    case_models,
    rescreen_models,
)
from api.store.database import WRITER_LOCK, is_sqlite, mapped_errors
from api.store.models import Base
from dafec.errors import InstallationError

__all__ = ["APPLICATION_ID", "SCHEMA_VERSION", "check_schema", "prepare_schema", "upgrade_to"]

#: Number of the newest migration.
SCHEMA_VERSION = 6

#: Kept in ``PRAGMA application_id``: "DAFE" in ASCII, so that another program's database is not taken for ours.
APPLICATION_ID = 0x44414645


def prepare_schema(writer: Engine, kept_images: Callable[[], int]) -> int | None:
    """Brings the database to this version's schema, in one transaction.

    Args:
        writer: the engine of the one writer.
        kept_images: how many images lie beside the database; asked only where the database is empty.

    Returns:
        The version it had before; None where it is new.

    Raises:
        InstallationError: ``store.newer_schema``, ``store.foreign_database``, or ``store.database_lost`` where the
            database is empty and images are there: theirs is missing, and they are left as they are.
    """
    with mapped_errors(), writer.begin() as connection:
        if not is_sqlite(writer):
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
        found = _found_version(connection)
        if found is None:
            if images := kept_images():
                raise InstallationError("store.database_lost", images=images)
        elif found > SCHEMA_VERSION:
            raise InstallationError("store.newer_schema", found=found, known=SCHEMA_VERSION)
        if found != SCHEMA_VERSION:
            upgrade_to(connection, SCHEMA_VERSION)
    return found


def check_schema(connection: Connection) -> None:
    """Refuses a database that is not of this version's schema.

    Raises:
        InstallationError: ``store.older_schema``, ``store.newer_schema``, ``store.foreign_database``.
    """
    found = _found_version(connection) or 0
    if found != SCHEMA_VERSION:
        code = "store.older_schema" if found < SCHEMA_VERSION else "store.newer_schema"
        raise InstallationError(code, found=found, known=SCHEMA_VERSION)


def _found_version(connection: Connection) -> int | None:
    """The version of the schema; None for an empty database."""
    tables = set(inspect(connection).get_table_names())
    if connection.dialect.name == "sqlite":
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        application = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
        if version == 0 and application == 0 and not tables:
            return None
        if application != APPLICATION_ID:
            raise InstallationError("store.foreign_database")
        return version
    if not tables:
        return None
    revision = MigrationContext.configure(connection).get_current_revision() if "alembic_version" in tables else None
    if revision is None or not revision.isdecimal():
        raise InstallationError("store.foreign_database")
    return int(revision)


def upgrade_to(connection: Connection, version: int) -> None:
    """Runs the migrations up to ``version`` in the connection's transaction."""
    script = ScriptDirectory(Path(__file__).parent / "migrations")
    target = f"{version:04d}"

    def steps(current: str, _context: MigrationContext) -> object:
        return script._upgrade_revs(target, current)

    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA user_version").scalar_one() == 1:
        # Written before Alembic: the tables of 0001 are there, and nothing says so.
        MigrationContext.configure(connection).stamp(script, "0001")
    with EnvironmentContext(Config(), script, fn=steps, destination_rev=target) as environment:
        environment.configure(connection=connection, target_metadata=Base.metadata)
        environment.run_migrations()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version={version}")
