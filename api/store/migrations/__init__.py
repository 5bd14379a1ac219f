"""Migrations of the database, run by ``api.store.schema`` with Alembic; one module each in ``versions``.

Their revisions are numbers, "0001", "0002", ...; a released one is never changed.
"""
