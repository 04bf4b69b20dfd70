"""`smeboost-supabase`: the server over stdio or HTTP."""

import sys

from smeboost_shared.serving import serve

from smeboost_supabase.server import create_server
from smeboost_supabase.settings import SupabaseSettings


def main() -> int:
    """Serve until the client or a signal ends it; the exit status is returned."""
    return serve("smeboost-supabase", SupabaseSettings, create_server)


if __name__ == "__main__":
    sys.exit(main())
