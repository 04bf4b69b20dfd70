"""`smeboost-emulators supabase`: run the Supabase backend until a signal ends it.

Every option has an environment variable too, so that a supervisor need not show secrets in the process list.
"""

import argparse
import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import uvloop
from pydantic import SecretStr
from smeboost_shared.errors import SmeBoostError
from smeboost_shared.logs import configure_logs
from smeboost_shared.settings import load

from smeboost_emulators.supabase.serving import Served, serving
from smeboost_emulators.supabase.settings import SupabaseBackendSettings

COMMAND = "smeboost-emulators supabase"
DEFAULT_DATA_DIR = Path(".smeboost") / "supabase"
SECRETS = ("db_url", "gotrue_jwt_secret", "anon_key", "service_role_key")


def main(argv: list[str] | None = None) -> int:
    """Run the backend; the exit status is returned: 0 after a signal, 2 when it could not start."""
    options = _parser().parse_args(argv)
    configure_logs(level=options.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(_settings(options), options.host, options.port))
    except SmeBoostError as exc:
        _say(f"{COMMAND}: {exc.message}")
        return 2
    return 0


def _settings(options: argparse.Namespace) -> SupabaseBackendSettings:
    given = {name: SecretStr(getattr(options, name)) for name in SECRETS if getattr(options, name)}
    settings = load(SupabaseBackendSettings, **given)
    if settings.db_url is None and settings.data_dir is None:
        return load(SupabaseBackendSettings, **given, data_dir=str(DEFAULT_DATA_DIR))
    return settings


async def _serve(settings: SupabaseBackendSettings, host: str, port: int) -> None:
    """Serve until a signal; one that comes while it is still starting ends it too."""
    running = asyncio.create_task(_until_ended(settings, host, port))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with suppress(asyncio.CancelledError):
        await running


async def _until_ended(settings: SupabaseBackendSettings, host: str, port: int) -> None:
    async with serving(settings, host=host, port=port) as served:
        _show_what_was_made(settings, served)
        _say(f"listening on {served.url}")
        await served.ended.wait()


def _show_what_was_made(settings: SupabaseBackendSettings, served: Served) -> None:
    """What was made here is shown, as `supabase start` does: nobody could know it otherwise."""
    if settings.db_url is None:
        _say(f"database: {served.database_url}")
    if settings.anon_key is None:
        _say(f"anon key: {served.keys.anon_jwt}")
    if settings.service_role_key is None:
        _say(f"service_role key: {served.keys.service_role_jwt}")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    variables = "".join(
        f"  {field.validation_alias}: {field.description or ''}\n"
        for field in SupabaseBackendSettings.model_fields.values()
    )
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="A local Supabase backend: /auth/v1, /rest/v1, /realtime/v1 and /storage/v1 on PostgreSQL.",
        epilog=f"environment variables (an option wins over its variable):\n{variables}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=54321, help="port to listen on, 0 for any (default: 54321)")
    parser.add_argument("--database-url", dest="db_url", help="a superuser's url; an embedded PostgreSQL when absent")
    parser.add_argument("--jwt-secret", dest="gotrue_jwt_secret", help="HS256 secret, 32 characters or more")
    parser.add_argument("--anon-key", dest="anon_key", help="a JWT of the secret or an sb_publishable_... key")
    parser.add_argument(
        "--service-role-key", dest="service_role_key", help="a JWT of the secret or an sb_secret_... key"
    )
    levels = ["DEBUG", "INFO", "WARNING", "ERROR"]
    parser.add_argument("--log-level", choices=levels, default=os.environ.get("SMEBOOST_LOG_LEVEL", "WARNING"))
    return parser
