select c.relname as name,
  (select coalesce(json_agg(json_build_object(
  'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'type_schema', tn.nspname, 'type_name', et.typname,
  'is_array', et.oid <> t.oid, 'kind', et.typtype, 'base', coalesce(bt.typname, et.typname),
  'nullable', not (a.attnotnull or t.typnotnull),
  'default', pg_get_expr(d.adbin, d.adrelid), 'identity', a.attidentity, 'generated', a.attgenerated <> '',
  'comment', col_description(a.attrelid, a.attnum)
) order by a.attnum), '[]') from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
    join pg_catalog.pg_type et on et.oid = case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem else t.oid end
    join pg_catalog.pg_namespace tn on tn.oid = et.typnamespace
    left join pg_catalog.pg_type bt on bt.oid = et.typbasetype and et.typtype = 'd'
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
 as columns
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = %(schema)s and c.relkind = 'c' order by c.relname limit %(limit)s
