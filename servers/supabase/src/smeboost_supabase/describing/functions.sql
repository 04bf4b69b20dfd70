select f.proname as name, case f.prokind when 'p' then 'procedure' else 'function' end as kind,
  pg_get_function_arguments(f.oid) as arguments, coalesce(pg_get_function_result(f.oid), 'void') as returns,
  case f.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end as volatility,
  f.prosecdef as security_definer, f.prorettype = 'trigger'::regtype or f.prorettype = 'event_trigger'::regtype as is_trigger,
  (select coalesce(json_agg(json_build_object(
  'name', coalesce(f.proargnames[g.position], ''), 'type_schema', tn.nspname, 'type_name', et.typname,
  'is_array', et.oid <> t.oid, 'kind', et.typtype, 'base', coalesce(bt.typname, et.typname)
, 'has_default', g.position > f.pronargs - f.pronargdefaults) order by g.position), '[]')
    from unnest(coalesce(f.proallargtypes, f.proargtypes::oid[])) with ordinality as g (number, position)
    join pg_catalog.pg_type t on t.oid = g.number
    join pg_catalog.pg_type et on et.oid = case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem else t.oid end
    join pg_catalog.pg_namespace tn on tn.oid = et.typnamespace
    left join pg_catalog.pg_type bt on bt.oid = et.typbasetype and et.typtype = 'd'
    where coalesce(f.proargmodes[g.position], 'i') in ('i', 'b', 'v'))
    as inputs,
  (select coalesce(json_agg(json_build_object(
  'name', coalesce(f.proargnames[g.position], ''), 'type_schema', tn.nspname, 'type_name', et.typname,
  'is_array', et.oid <> t.oid, 'kind', et.typtype, 'base', coalesce(bt.typname, et.typname)
) order by g.position), '[]')
    from unnest(coalesce(f.proallargtypes, f.proargtypes::oid[])) with ordinality as g (number, position)
    join pg_catalog.pg_type t on t.oid = g.number
    join pg_catalog.pg_type et on et.oid = case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem else t.oid end
    join pg_catalog.pg_namespace tn on tn.oid = et.typnamespace
    left join pg_catalog.pg_type bt on bt.oid = et.typbasetype and et.typtype = 'd'
    where coalesce(f.proargmodes[g.position], 'i') in ('o', 'b', 't'))
 as outputs,
  (select json_build_object('name', '', 'type_schema', tn.nspname, 'type_name', et.typname,
      'is_array', et.oid <> t.oid, 'kind', et.typtype, 'base', coalesce(bt.typname, et.typname))
    from (select 1) as one
    join pg_catalog.pg_type t on t.oid = f.prorettype
    join pg_catalog.pg_type et on et.oid = case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem else t.oid end
    join pg_catalog.pg_namespace tn on tn.oid = et.typnamespace
    left join pg_catalog.pg_type bt on bt.oid = et.typbasetype and et.typtype = 'd'
) as result,
  (select c.relname from pg_catalog.pg_type t join pg_catalog.pg_class c on c.oid = t.typrelid
    where t.oid = f.prorettype and c.relkind in ('r', 'p', 'v', 'm', 'f')) as result_table,
  f.proretset as returns_set,
  array(select r.rolname::text from pg_catalog.pg_roles r where r.rolname in ('anon', 'authenticated', 'service_role')
    and has_function_privilege(r.oid, f.oid, 'execute') order by 1) as may
from pg_catalog.pg_proc f join pg_catalog.pg_namespace n on n.oid = f.pronamespace
where n.nspname = %(schema)s and f.prokind in ('f', 'p')
  and not exists (select from pg_catalog.pg_depend d where d.objid = f.oid and d.deptype = 'e')
order by f.proname, f.oid limit %(limit)s
