"""The PostgreSQL that other tests and the rehearsal use: it keeps its rows over a kill and leaves nothing."""

from contextlib import closing

import psutil
import psycopg2
import pytest

from tests.servers.postgres import PostgresServer, running_postgres


def query(server: PostgresServer, database: str, text: str) -> list:
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall() if cursor.description else []


def running() -> set[int]:
    children = psutil.Process().children(recursive=True)
    return {each.pid for each in children if each.status() != psutil.STATUS_ZOMBIE}


def test_it_keeps_its_rows_over_a_restart_and_a_kill_and_ends_with_its_block() -> None:
    before = running()
    with running_postgres() as server:
        name = server.new_database()
        query(server, name, "CREATE TABLE kept AS SELECT 7 AS n")
        open_connection = server.connect(name)
        server.restart()
        with pytest.raises(psycopg2.OperationalError), open_connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert query(server, name, "SELECT n FROM kept") == [(7,)]
        server.kill()
        with pytest.raises(psycopg2.OperationalError):
            server.connect(name)
        server.start()
        assert query(server, name, "SELECT n FROM kept") == [(7,)]
        assert server.password not in server.url(name)
    assert running() <= before
