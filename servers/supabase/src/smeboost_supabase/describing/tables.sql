select c.relname as name,
  case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end
    as kind,
  c.relrowsecurity as rls, c.relforcerowsecurity as forced,
  case when c.reltuples >= 0 and c.relkind in ('r', 'p', 'm') then c.reltuples::bigint end as estimate,
  (pg_relation_is_updatable(c.oid, true) & 8) > 0 as insertable,
  (pg_relation_is_updatable(c.oid, true) & 4) > 0 as updatable,
  obj_description(c.oid, 'pg_class') as comment,
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
 as columns,
  (select coalesce(json_agg(a.attname order by k.position), '[]') from pg_catalog.pg_constraint p
    cross join unnest(p.conkey) with ordinality as k (number, position)
    join pg_catalog.pg_attribute a on a.attrelid = p.conrelid and a.attnum = k.number
    where p.conrelid = c.oid and p.contype = 'p') as primary_key,
  (select coalesce(json_agg(json_build_object(
      'name', f.conname,
      'columns', (select json_agg(a.attname order by k.position) from unnest(f.conkey) with ordinality as k (number, position)
        join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.number),
      'schema', fn.nspname, 'table', fc.relname,
      'referenced', (select json_agg(a.attname order by k.position)
        from unnest(f.confkey) with ordinality as k (number, position)
        join pg_catalog.pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.number),
      'one_to_one', exists (select from pg_catalog.pg_index i where i.indrelid = f.conrelid and i.indisunique
        and i.indpred is null and i.indnkeyatts = cardinality(f.conkey)
        and (i.indkey::smallint[])[0:i.indnkeyatts - 1] <@ f.conkey)
    ) order by f.conname), '[]')
    from pg_catalog.pg_constraint f join pg_catalog.pg_class fc on fc.oid = f.confrelid
    join pg_catalog.pg_namespace fn on fn.oid = fc.relnamespace
    where f.conrelid = c.oid and f.contype = 'f') as foreign_keys,
  (select coalesce(json_agg(k.conname || ' ' || pg_get_constraintdef(k.oid) order by k.conname), '[]')
    from pg_catalog.pg_constraint k where k.conrelid = c.oid and k.contype in ('c', 'u', 'x')) as constraints,
  (select coalesce(json_agg(pg_get_indexdef(i.indexrelid) order by i.indexrelid), '[]') from pg_catalog.pg_index i
    where i.indrelid = c.oid
      and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
  ) as indexes,
  (select coalesce(json_agg(json_build_object(
      'name', p.polname,
      'command', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
        else 'all' end,
      'roles',
  (select coalesce(json_agg(case when r.number = 0 then 'public' else pg_get_userbyid(r.number) end), '[]')
    from unnest(p.polroles) as r (number))
, 'permissive', p.polpermissive,
      'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)
    ) order by p.polname), '[]') from pg_catalog.pg_policy p where p.polrelid = c.oid) as policies,
  (select coalesce(json_agg(pg_get_triggerdef(t.oid, true) order by t.tgname), '[]') from pg_catalog.pg_trigger t
    where t.tgrelid = c.oid and not t.tgisinternal) as triggers,
  (select coalesce(json_object_agg(g.grantee, g.rights), '{}') from (
    select case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee)::text end as grantee,
      json_agg(lower(a.privilege_type) order by a.privilege_type) as rights
    from aclexplode(c.relacl) a where a.grantee <> c.relowner group by a.grantee) g) as grants
from pg_catalog.pg_class c
where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = %(schema)s)
  and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and (%(tables)s::text[] is null or c.relname = any(%(tables)s::text[]))
order by c.relname
limit %(limit)s
