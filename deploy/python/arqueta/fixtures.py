"""Fixtures of pytest, found by it wherever this package is installed."""

import pytest

from arqueta import Gateway


@pytest.fixture(scope="session")
def arqueta_options():
    """Options of `arqueta serve`; define this fixture again to give some."""
    return ()


@pytest.fixture(scope="session")
def arqueta(arqueta_options):
    """A gateway for all tests of the session."""
    with Gateway(*arqueta_options) as gateway:
        yield gateway


@pytest.fixture
def arqueta_environment(arqueta, monkeypatch):
    """Has every client that reads the environment reach the gateway."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in arqueta.environment().items():
        monkeypatch.setenv(name, value)
    return arqueta
