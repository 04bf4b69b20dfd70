"""`smeboost`: the operator's command. Each command imports what it runs, so that help and Ctrl-C are quick."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from smeboost_cli.scale import Scale

app = typer.Typer(
    help="SME Boost: run it, serve it, migrate its database.", no_args_is_help=True, pretty_exceptions_enable=False
)


@app.command()
def demo(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The gateway's port; 8000 or the next free one.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where its data stays; .demo here.")] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Written as JSON when everything answers.")] = None,
    scale: Annotated[
        Scale, typer.Option(help="small: an office supplier's 10,000 order lines; large: also 337,000 flights.")
    ] = "small",
) -> None:
    """Run the whole product on this machine with real sample data."""
    from smeboost_cli.demo import Options
    from smeboost_cli.demo import demo as run
    from smeboost_cli.progress import LastingConsole

    raise typer.Exit(run(Options(port=port, data_dir=data_dir, ready_file=ready_file, scale=scale), LastingConsole()))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Run the gateway; its settings are environment variables."""
    from smeboost_gateway.serving import run

    raise typer.Exit(run(["--host", host, "--port", str(port)]))


@app.command()
def worker() -> None:
    """Run jobs, such as writes of many records; its settings are environment variables."""
    from smeboost_gateway.working import run

    raise typer.Exit(run())


@app.command()
def migrate(
    database_url: Annotated[str, typer.Option(envvar="SUPABASE_DB_URL", help="A Postgres URL that may create tables.")],
    folder: Annotated[Path | None, typer.Option(help="Folder of the migrations; supabase/migrations.")] = None,
) -> None:
    """Apply the migrations that the database does not have yet."""
    from smeboost_shared.errors import SmeBoostError

    from smeboost_cli.migrations import default_folder

    try:
        applied = asyncio.run(_migrate(database_url, folder or default_folder()))
    except SmeBoostError as exc:
        typer.echo(f"smeboost migrate: {exc}", err=True)
        raise typer.Exit(1) from None
    for name in applied:
        typer.echo(f"applied {name}")
    if not applied:
        typer.echo("nothing to apply")


async def _migrate(database_url: str, folder: Path) -> list[str]:
    """Our tables, then the job queue's own."""
    from smeboost_sync.job_queue import install_queue

    from smeboost_cli.migrations import apply_migrations

    applied = await apply_migrations(database_url, folder)
    await install_queue(database_url)
    return applied


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    sys.exit(main())
