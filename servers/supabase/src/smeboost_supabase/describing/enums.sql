select t.typname as name, array_agg(e.enumlabel order by e.enumsortorder)::text[] as labels
from pg_catalog.pg_type t join pg_catalog.pg_enum e on e.enumtypid = t.oid
join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where n.nspname = %(schema)s group by t.oid, t.typname order by t.typname
