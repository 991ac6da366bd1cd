"""/healthz and /readyz."""


def test_a_living_process_says_so(client):
    assert client.get("/healthz").json == {"status": "alive"}


def test_ready_needs_the_schema_of_this_version(client, app):
    assert client.get("/readyz").json["status"] == "ready"
    from app import database

    with app.app_context(), database.writing_connection() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["schema"] == "old"


def test_every_answer_has_a_trip(client, trip_of):
    trip_of(client.get("/healthz")).blocked_by(None).queries(0)
