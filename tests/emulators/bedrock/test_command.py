"""The emulator as a process."""

import signal
import socket
import subprocess
import sys

import httpx
import pytest

COMMAND = [sys.executable, "-m", "smeboost_emulators", "bedrock", "--host", "127.0.0.1", "--port"]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_process_announces_its_address_and_stops_on_a_signal(stop: signal.Signals):
    with subprocess.Popen([*COMMAND, "0"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline().strip()
        assert line.startswith("listening on http://127.0.0.1:")
        assert httpx.get(f"{line.removeprefix('listening on ')}/healthz").status_code == 200
        process.send_signal(stop)
        assert process.wait(5) == 0
        assert process.stderr.read() == ""


def test_port_that_is_taken_gives_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = subprocess.run([*COMMAND, port], capture_output=True, text=True, timeout=5, check=False)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert port in result.stderr
