"""The settings of REST as they are now: the environment's, over them those that the database has for `authenticator`.

Rules of this room (PostgREST, "In-Database Configuration" and "Impersonated Role Settings"):

- `alter role authenticator set pgrst.db_schemas = '...'`, for one database or for all, wins over the environment;
  `notify pgrst, 'reload config'` has it read again. What is no valid value is logged and left out.
- Settings that a role has of its own hold for requests of that role.
"""

from collections.abc import Mapping

from smeboost_shared.errors import Misconfigured
from smeboost_shared.logs import get_logger
from smeboost_shared.settings import load

from smeboost_emulators.supabase.pools import Pool
from smeboost_emulators.supabase.rest.settings import RestSettings

_OWN = """
select distinct on (name) substr(entry, 7, position('=' in entry) - 7) as name,
  substr(entry, position('=' in entry) + 1)
from pg_db_role_setting s cross join unnest(s.setconfig) as entry
where s.setrole = current_user::regrole and entry like 'pgrst.%'
  and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
order by name, s.setdatabase desc
"""
_OF_ROLES = """
select r.rolname, g.name, substr(entry, position('=' in entry) + 1)
from pg_db_role_setting s
join pg_roles r on r.oid = s.setrole
cross join unnest(s.setconfig) as entry
join pg_settings g on g.name = lower(split_part(entry, '=', 1))
where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and r.rolname <> current_user and pg_has_role(r.oid, 'member') and g.context = 'user'
  and g.name not in ('search_path', 'role', 'session_authorization')
order by s.setdatabase
"""
_PREFIX = "PGRST_"

log = get_logger("supabase-rest")


class RestConfiguration:
    """The present settings; `roles` has what each role sets for itself."""

    def __init__(self, settings: RestSettings, pool: Pool) -> None:
        self._first = {name: getattr(settings, name) for name in RestSettings.model_fields}
        self._pool = pool
        self._zones: frozenset[str] | None = None
        self.current = load(RestSettings, **self._first)
        self.roles: Mapping[str, Mapping[str, str]] = {}

    async def reload(self) -> None:
        """Read what the database has.

        Raises:
            DatabaseDown, PoolBusy, psycopg.Error: it could not be read; the old settings stay.
        """
        async with self._pool.connection() as connection:
            own = await (await connection.execute(_OWN)).fetchall()
            of_roles = await (await connection.execute(_OF_ROLES)).fetchall()
        if self.current.db_config:
            self.current = self._with([(str(name), str(value)) for name, value in own])
        roles: dict[str, dict[str, str]] = {}
        for role, name, value in of_roles:
            roles.setdefault(str(role), {})[str(name)] = str(value)
        self.roles = roles

    async def zones(self) -> frozenset[str]:
        """The names of time zones that the database knows.

        Raises:
            DatabaseDown, PoolBusy, psycopg.Error: they could not be read.
        """
        if self._zones is None:
            async with self._pool.connection() as connection:
                cursor = await connection.execute("select name from pg_timezone_names")
                self._zones = frozenset(str(name) for (name,) in await cursor.fetchall())
        return self._zones

    def _with(self, own: list[tuple[str, str]]) -> RestSettings:
        chosen = dict(self._first)
        for name, value in own:
            field = RestSettings.model_fields.get(name)
            if field is None or field.validation_alias != f"{_PREFIX}{name.upper()}" or name == "db_config":
                log.warning("setting_unknown", name=f"pgrst.{name}"[:100])
                continue
            try:
                load(RestSettings, **{**chosen, name: value})
            except Misconfigured as exc:
                log.warning("setting_refused", name=f"pgrst.{name}", error=exc.message)
                continue
            chosen[name] = value
        return load(RestSettings, **chosen)
