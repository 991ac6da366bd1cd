"""Settings: environment, then file, then default; what cannot be used stops the start and says why."""

from __future__ import annotations

import pytest

from app import config, create_app
from app.config import PREFIX, SETTINGS, SettingError


def start(tmp_path, **overrides):
    return create_app({"INSTANCE": tmp_path, "TESTING": True, **overrides})


def test_environment_wins_over_file_and_file_over_default(tmp_path, monkeypatch):
    (tmp_path / "config.toml").write_text(
        'threads = 7\ntrusted_hosts = ["a.example", "b.example"]\n', encoding="utf-8"
    )
    assert start(tmp_path).config["ROUNDTRIP_THREADS"] == 7
    assert start(tmp_path).config["ROUNDTRIP_TRUSTED_HOSTS"] == ("a.example", "b.example")
    assert start(tmp_path).config["ROUNDTRIP_PORT"] == 8000
    monkeypatch.setenv("ROUNDTRIP_THREADS", "9")
    assert start(tmp_path).config["ROUNDTRIP_THREADS"] == 9


@pytest.mark.parametrize(
    ("name", "near"),
    [("ROUNDTRIP_THREDS", "ROUNDTRIP_THREADS"), ("ROUNDTRIP_DATABASE", "ROUNDTRIP_DATABASE_URL")],
)
def test_an_unknown_name_in_the_environment_stops_the_start_and_names_the_nearest(
    tmp_path, monkeypatch, name, near
):
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingError, match=f"no setting {name}.*{near}"):
        start(tmp_path)


def test_an_unknown_name_in_the_file_stops_the_start(tmp_path):
    (tmp_path / "config.toml").write_text("treads = 3\n", encoding="utf-8")
    with pytest.raises(SettingError, match="no setting treads.*threads"):
        start(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "works"),
    [
        ("PORT", "eighty", "a whole number from 0 to 65,535"),
        ("PORT", "70000", "a whole number"),
        ("THREADS", "0", "from 1 to 256"),
        ("TRIPS", "maybe", "one of on, off"),
        ("TIMEZONE", "Mars/Olympus", "Europe/Berlin"),
        ("SIGNIN_RATE", "often", "10/5 minutes"),
        ("SIGNIN_RATE", "10/minute; 100/hour", "one count"),
        ("DATABASE_URL", "mysql://x", "sqlite:// or postgresql://"),
        ("SAFE_MODE", "perhaps", "on or off"),
        ("PLUGIN_DIRS", "/nowhere/at all", "there is no folder"),
    ],
)
def test_a_value_that_cannot_be_used_stops_the_start_and_says_what_works(
    tmp_path, monkeypatch, name, value, works
):
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingError) as error:
        start(tmp_path)
    assert works in str(error.value)
    assert PREFIX + name in str(error.value)


def test_names_in_the_file_may_be_in_capitals_and_folders_a_list(tmp_path):
    (tmp_path / "my tools").mkdir()
    text = f"THREADS = 7\nplugin_dirs = ['{tmp_path.as_posix()}/my tools', '{tmp_path.as_posix()}']"
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    config = start(tmp_path).config
    assert config["ROUNDTRIP_THREADS"] == 7
    assert config["ROUNDTRIP_PLUGIN_DIRS"] == (tmp_path / "my tools", tmp_path)


def test_an_instance_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SettingError, match="instance folder cannot be used.*file"):
        start(tmp_path / "file")


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "config.toml").write_text("threads = \n", encoding="utf-8")
    with pytest.raises(SettingError, match="config.toml cannot be read"):
        start(tmp_path)


def test_the_secret_key_is_made_once_and_nobody_else_may_read_it(tmp_path):
    first, second = start(tmp_path), start(tmp_path)
    assert first.secret_key == second.secret_key
    assert len(first.secret_key) >= 50
    import os

    if os.name == "posix":
        assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_an_earlier_key_still_opens_sessions(tmp_path):
    app = start(tmp_path, SECRET_KEY="new" * 20, SECRET_KEY_FALLBACKS=("old" * 20,))
    assert app.config["SECRET_KEY_FALLBACKS"] == ["old" * 20]


def test_every_setting_has_help_that_is_a_sentence():
    for setting in SETTINGS:
        assert setting.help[0].isupper()
        assert setting.help.endswith(".")


def test_https_makes_cookies_secure(tmp_path):
    app = start(tmp_path, PUBLIC_URL="https://tools.example.com")
    assert app.config["SESSION_COOKIE_SECURE"]
    assert app.config["SESSION_COOKIE_NAME"].startswith("__Host-")


@pytest.mark.parametrize(
    "url",
    ["postgres://olga:s3cret@db/x", "mysql://olga:s3c@ret@db/x?password=s3cret", "olga:s3cret@db",
     "postgresql://olga:s3cret@db:port/x", "mysql://db/x?password=s3cret"],
)  # fmt: skip
def test_a_refused_address_is_printed_without_its_password(tmp_path, monkeypatch, url):
    monkeypatch.setenv("ROUNDTRIP_DATABASE_URL", url)
    with pytest.raises(SettingError, match="must be an address") as error:
        start(tmp_path)
    assert "s3c" not in str(error.value)
    assert "db" in str(error.value)


def test_the_instance_folder_cannot_move_itself(tmp_path):
    (tmp_path / "config.toml").write_text("instance = '/elsewhere'\n", encoding="utf-8")
    with pytest.raises(SettingError, match="ROUNDTRIP_INSTANCE in the environment"):
        start(tmp_path)


@pytest.mark.parametrize(
    ("name", "url", "package"),
    [("REDIS_URL", "redis://db", "redis"), ("DATABASE_URL", "postgresql://db/x", "psycopg")],
)
def test_a_missing_package_stops_the_start_and_is_named(tmp_path, monkeypatch, name, url, package):
    monkeypatch.setattr(config, "find_spec", lambda _name: None)
    with pytest.raises(SettingError, match=f"{name} needs the package {package}.*pip install"):
        start(tmp_path, **{name: url})
