"""The containers: what must hold in docker-compose.yml, read as data."""

import re
from urllib.parse import urlsplit

import pytest
import yaml

from service.database.embedded import _SETTINGS
from service.settings import read_settings
from tests.conftest import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text()
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<kind>:-|:\?)(?P<rest>[^}]*)\}")


@pytest.fixture
def services():
    """The services, by name."""
    return yaml.safe_load(TEXT)["services"]


def substitute(value, environ):
    """Replace variables as Compose does; a required one that is missing raises KeyError with its message."""

    def one(match):
        given = environ.get(match["name"])
        if not given and match["kind"] == ":?":
            raise KeyError(f"{match['name']} {match['rest']}")
        return given or match["rest"]

    return VARIABLE.sub(one, value)


def test_there_is_no_password_in_the_file(services):
    """The password has no default: without it Compose stops with a message that says what to do."""
    for value in (
        services["database"]["environment"]["POSTGRES_PASSWORD"],
        services["service"]["environment"]["WEIGHIN_DATABASE_URL"],
    ):
        with pytest.raises(KeyError, match=r"WEIGHIN_DATABASE_PASSWORD is missing - put .* into \.env"):
            substitute(value, {})


def test_the_service_accepts_the_environment_it_gets(services):
    """Names and values pass the service's own check, and the database is the one beside it."""
    environ = {"WEIGHIN_DATABASE_PASSWORD": "0" * 64, "WEIGHIN_SECRET": "s" * 32}
    environment = {name: substitute(value, environ) for name, value in services["service"]["environment"].items()}

    settings = read_settings(environment)

    url = urlsplit(settings.database_url)
    assert (url.username, url.hostname, url.path) == ("weighin", "database", "/weighin")
    assert str(settings.data) == services["service"]["volumes"][0].partition(":")[2]


def test_the_database_is_durable_silent_and_of_a_version_that_will_do(services):
    """PostgreSQL 18 with checksums; every setting it shares with the embedded server has the same value."""
    database = services["database"]
    given = dict(value.split("=", 1) for value in database["command"] if "=" in value)

    assert database["image"] == "postgres:18"
    assert "--data-checksums" in database["environment"]["POSTGRES_INITDB_ARGS"]
    assert {name: _SETTINGS[name] for name in given} == given
    assert {"log_error_verbosity", "log_min_error_statement", "log_statement", "track_commit_timestamp"} <= given.keys()
    assert not {"fsync", "full_page_writes", "synchronous_commit"} & given.keys()


def test_only_the_service_is_reachable_and_only_from_this_machine(services):
    """The database has no port and no way out; the service's port is bound to the loopback address."""
    networks = yaml.safe_load(TEXT)["networks"]

    assert "ports" not in services["database"]
    assert services["database"]["networks"] == ["inside"]
    assert networks["inside"]["internal"] is True
    assert services["service"]["ports"] == ["127.0.0.1:8000:8000"]


def test_the_service_starts_after_the_database_and_its_migrations(services):
    """It waits until the database is healthy, migrates, and takes the place of the shell, so that signals reach it."""
    service = services["service"]

    assert service["depends_on"]["database"]["condition"] == "service_healthy"
    assert service["command"][-1].startswith("weighin migrate && exec weighin serve --host 0.0.0.0")
    assert "healthcheck" in services["database"]
    assert any("/health/ready" in part for part in service["healthcheck"]["test"])


def test_what_is_kept_is_in_volumes(services):
    """Keys and rows outlive their containers, and all else is read-only."""
    volumes = yaml.safe_load(TEXT)["volumes"]

    for service in services.values():
        for volume in service["volumes"]:
            assert volume.partition(":")[0] in volumes
    assert services["service"]["read_only"] is True


def test_the_image_installs_only_what_the_lock_names(services):
    """Every download is checked by its hash, every later step has no index, and the service isn't root."""
    lines = services["service"]["build"]["dockerfile_inline"].replace("\\\n", " ").splitlines()
    pip = [line for line in lines if re.search(r"\bpip (install|download|wheel)\b", line)]

    assert len(pip) == 4
    assert all(any(way in line for way in ("--require-hashes", "--no-index", "--no-deps")) for line in pip)
    assert "USER weighin" in lines
