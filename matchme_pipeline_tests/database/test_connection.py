"""Connections: what an unreachable or unfit database says, and binary COPY's round trip."""

from urllib.parse import quote

import numpy as np
import psycopg
import pytest

from matchme_pipeline.database.connection import Connection, connect, describe, with_database
from matchme_pipeline.database.copy import copy_rows, read_vectors, stage_rows
from matchme_pipeline.errors import ConfigurationError, DatabaseUnavailableError
from matchme_pipeline.settings import load_settings


def test_an_unreachable_database_is_named_without_its_password():
    with (
        pytest.raises(DatabaseUnavailableError) as error,
        connect("postgresql://someone:secret@127.0.0.1:1/nowhere"),
    ):
        pass
    assert "127.0.0.1:1/nowhere" in str(error.value)
    assert "secret" not in str(error.value)
    assert "MATCHME_DATABASE_URL" in str(error.value)


def test_a_database_without_pgvector_says_what_to_do(empty_database_url: str):
    with pytest.raises(DatabaseUnavailableError, match="matchme db migrate"), connect(empty_database_url):
        pass


def test_no_statement_is_ever_prepared(app_database: Connection):
    for _ in range(20):
        app_database.execute("select %s::int", [1])
    assert app_database.execute("select count(*) from pg_prepared_statements").fetchone() == (0,)


def test_addresses_lose_their_credentials_and_keep_the_rest():
    assert describe("postgresql://u:p@db.example:6543/postgres") == "db.example:6543/postgres"
    assert with_database("postgresql://u:p@h:1/a?sslmode=require", "b") == "postgresql://u:p@h:1/b?sslmode=require"


def test_vectors_survive_the_round_trip_to_the_bit(app_database: Connection):
    vectors = np.random.default_rng(1).standard_normal((50, 1536)).astype(np.float32)
    rows = [(f"hash-{i}", "test-model", vector) for i, vector in enumerate(vectors)]
    with app_database.transaction():
        count = copy_rows(
            app_database, "content_embeddings", ["content_hash", "model", "embedding"], ["text", "text", "vector"], rows
        )
    assert count == 50
    keys, read = read_vectors(
        app_database,
        "select content_hash, embedding from content_embeddings order by length(content_hash), content_hash",
    )
    assert keys[:2] == ["hash-0", "hash-1"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, vectors)


def test_a_row_that_violates_a_constraint_leaves_nothing_behind(app_database: Connection):
    rows = [("user_a", "member"), ("user_b", "emperor")]
    with pytest.raises(psycopg.errors.CheckViolation), app_database.transaction():
        copy_rows(app_database, "user_roles", ["user_id", "role"], ["text", "text"], rows)
    assert app_database.execute("select count(*) from user_roles").fetchone() == (0,)


def test_staged_rows_vanish_with_the_transaction(app_database: Connection):
    with app_database.transaction():
        stage_rows(app_database, "staged", [("id", "integer"), ("name", "text")], [(1, "a"), (2, "b")])
        assert app_database.execute("select count(*) from staged").fetchone() == (2,)
    assert app_database.execute("select to_regclass('staged')").fetchone() == (None,)


@pytest.mark.parametrize("url", ["postgresql://me:pa@ss@host.example/db", "postgresql://me:p@s@s@host.example:5432/db"])
def test_an_unencoded_at_in_a_password_prints_none_of_it(url: str):
    assert describe(url).partition("/")[0].partition(":")[0] == "host.example"


@pytest.mark.parametrize("password", ["pa@SECRET", "pa/SECRET", "pa@x/SECRET", "pa@x:SECRET", "pa?SECRET", "pa%SECRET",
                                      "pa/x?SECRET", "pa@x?SECRET", "@SECRET", "pa@[SECRET"])  # fmt: skip
@pytest.mark.parametrize("name", ["MATCHME_DATABASE_URL", "MATCHME_DAGSTER_DATABASE_URL"])
def test_a_password_that_is_not_encoded_is_refused_without_being_shown(name: str, password: str):
    url = f"postgresql://me:{password}@host.example:5432/db"
    with pytest.raises(ConfigurationError, match="percent-encode") as refused:
        load_settings(None, {name: url})
    assert "SECRET" not in str(refused.value)
    assert "SECRET" not in describe(url)
    assert load_settings(None, {name: f"postgresql://me:{quote(password, safe='')}@host.example:5432/db"})


@pytest.mark.parametrize(
    "url",
    ["postgresql://me@%2Ftmp/db", "postgresql:///db?host=/tmp", "postgres://me.ref:a:b#c@host.example:6543/postgres?sslmode=require",
     "postgresql://host.example", "postgresql://me@[::1]:5432/db"],
)  # fmt: skip
def test_usual_addresses_are_taken(url: str):
    assert load_settings(None, {"MATCHME_DATABASE_URL": url}).database_url == url
