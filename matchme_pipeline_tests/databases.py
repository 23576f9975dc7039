"""Databases of the tests: copies of templates, dropped at the end."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from matchme_pipeline.database.connection import create_database, with_database


def copy_database(postgres_url: str, name: str, template: str) -> str:
    """Copy the database `template` as `name` on the server of `postgres_url`; returns its URL.

    By files: a copy through the server's log takes twice as long, and a sequence that was copied that way forgets,
    at a crash, which numbers it has given out since.
    """
    statement = sql.SQL("create database {} template {} strategy file_copy")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    return with_database(postgres_url, name)


def drop_database(postgres_url: str, name: str) -> None:
    """Remove a database and end its connections."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@contextmanager
def temporary_database(postgres_url: str, template: str | None = None) -> Iterator[str]:
    """The URL of a fresh copy of `template`, or of an empty database, until the end of the block."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    if template is None:
        create_database(postgres_url, name)
    else:
        copy_database(postgres_url, name, template)
    yield with_database(postgres_url, name)
    drop_database(postgres_url, name)
