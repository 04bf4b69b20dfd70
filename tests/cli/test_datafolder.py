"""What a data directory remembers, and that two demos never share one or each other's ports."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from smeboost_cli.datafolder import GATEWAY_PORT, Ports, Secrets, data_folder, say_who
from smeboost_emulators.stores.process import free_port
from smeboost_emulators.supabase.tokens import key_from_secret
from smeboost_shared.errors import Conflict, Misconfigured


@pytest.fixture
def claims() -> Iterator[Callable[[], ExitStack]]:
    """A factory: one demo's claims on its ports."""
    with ExitStack() as all_claims:
        yield lambda: all_claims.enter_context(ExitStack())


Claims = Callable[[], ExitStack]


def test_secrets_are_made_once_and_read_by_their_owner_only(tmp_path: Path) -> None:
    first = Secrets.of(tmp_path)
    assert Secrets.of(tmp_path) == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "other").mkdir()
    other = Secrets.of(tmp_path / "other")
    assert not set(other.model_dump(exclude={"passwords"}).values()) & set(
        first.model_dump(exclude={"passwords"}).values()
    )
    assert len(set(first.passwords.values())) == 3


def test_api_keys_name_their_role_and_are_signed_with_the_backends_secret(tmp_path: Path) -> None:
    from joserfc import jwt

    secrets = Secrets.of(tmp_path)
    key = key_from_secret(secrets.supabase_jwt_secret).value
    for token, role in ((secrets.supabase_anon_key, "anon"), (secrets.supabase_service_key, "service_role")):
        assert jwt.decode(token, key, algorithms=["HS256"]).claims["role"] == role


def test_a_damaged_secrets_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(Misconfigured, match=r"secrets.json is damaged"):
        Secrets.of(tmp_path)


def test_a_directory_holds_one_demo_and_says_which(tmp_path: Path) -> None:
    with data_folder(tmp_path / "data") as folder:
        say_who(folder, "http://127.0.0.1:1234")
        with pytest.raises(Conflict, match=r"data already \(process \d+, http://127.0.0.1:1234\)"), data_folder(folder):
            pass
    with data_folder(tmp_path / "data") as again:
        assert again == folder
        assert folder.stat().st_mode & 0o777 == 0o700


def test_without_a_choice_a_second_demo_gets_a_directory_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with data_folder(None) as first, data_folder(None) as second:
        assert [first.name, second.name] == [".demo", ".demo-2"]
    with data_folder(None) as third:
        assert third.name == ".demo"


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="file/data as data directory"), data_folder(tmp_path / "file" / "data"):
        pass


def test_ports_are_the_same_after_a_restart(tmp_path: Path, claims: Claims) -> None:
    first = claims()
    before = Ports(tmp_path, first)
    chosen = [before.gateway(None), before.internal("postgres"), before.internal("redis")]
    assert len(set(chosen)) == 3
    first.close()
    after = Ports(tmp_path, claims())
    assert [after.gateway(None), after.internal("postgres"), after.internal("redis")] == chosen


def test_a_remembered_port_that_somebody_took_is_replaced(tmp_path: Path, claims: Claims) -> None:
    first = claims()
    port = Ports(tmp_path, first).internal("postgres")
    first.close()
    with socket.create_server(("127.0.0.1", port)):
        assert Ports(tmp_path, claims()).internal("postgres") != port


def test_two_demos_never_choose_the_same_port_before_either_listens(tmp_path: Path, claims: Claims) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = Ports(tmp_path / "a", claims()), Ports(tmp_path / "b", claims())
    assert first.gateway(None) >= GATEWAY_PORT
    assert first.gateway(None) != second.gateway(None)
    wanted = free_port()
    assert first.gateway(wanted) == wanted
    with pytest.raises(Misconfigured, match=f"Port {wanted} is taken"):
        second.gateway(wanted)
