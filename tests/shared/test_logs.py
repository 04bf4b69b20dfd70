"""Logs: a traceback is written down, and never the variables in it."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from smeboost_shared.logs import configure_logs, get_logger


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, configuration = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)


def fail() -> None:
    password = "correct-horse"
    raise ValueError(len(password))


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("library", [False, True])
def test_a_traceback_names_the_place_and_shows_no_variables(
    *, as_json: bool, library: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(level="WARNING", as_json=as_json)
    log = logging.getLogger("a.library") if library else get_logger("test")
    try:
        fail()
    except ValueError:
        log.exception("failed")
    written = capsys.readouterr().err
    text = json.loads(written)["exception"] if as_json else written
    assert "in fail" in text
    assert "ValueError: 13" in text
    assert "correct-horse" not in text.replace('password = "correct-horse"', "")
