-- What the owner of a database should look at. Each part gives: code, level, object, message, fix.
-- System schemas, and those that Supabase itself owns, are left out.
with spaces as (
  select oid, nspname from pg_catalog.pg_namespace
  where nspname !~ '^(pg_|_)' and nspname not in (
    'information_schema', 'auth', 'storage', 'realtime', 'extensions', 'graphql', 'graphql_public', 'vault', 'net',
    'cron', 'pgbouncer', 'pgsodium', 'supabase_functions', 'supabase_migrations'
  ) and (%(schema)s::text is null or nspname = %(schema)s::text)
),
tables as (
  select c.oid, c.relname, c.relrowsecurity, c.relkind, c.reloptions, s.nspname, format('%%I.%%I', s.nspname, c.relname) as name,
    exists (
      select from pg_catalog.pg_roles r
      where r.rolname in ('anon', 'authenticated') and has_schema_privilege(r.oid, s.oid, 'usage')
        and has_table_privilege(r.oid, c.oid, 'select, insert, update, delete')
    ) as is_open
  from pg_catalog.pg_class c join spaces s on s.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
),
policies as (
  select t.name, t.relrowsecurity, p.polname, p.polcmd, p.polroles,
    concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) as expression
  from pg_catalog.pg_policy p join tables t on t.oid = p.polrelid
),
found as (
  select 'security' as kind, 'row_level_security_off' as code, case when is_open then 'error' else 'info' end as level, name as object,
    case when is_open
      then 'Row level security is off: whoever has the public key reaches all rows.'
      else 'Row level security is off; only roles with a grant reach the rows.'
    end as message,
    format('alter table %%s enable row level security;', name) as fix
  from tables where relkind in ('r', 'p') and not relrowsecurity
  union all
  select 'security', 'no_policy', 'info', name,
    'Row level security is on without a policy: nobody but service_role reaches the rows.',
    format('create policy "..." on %%s for select to authenticated using (...);', name)
  from tables t where relkind in ('r', 'p') and relrowsecurity
    and not exists (select from pg_catalog.pg_policy p where p.polrelid = t.oid)
  union all
  select 'security', 'policy_without_effect', 'error', name,
    'There are policies, but row level security is off, so they do nothing.',
    format('alter table %%s enable row level security;', name)
  from tables t where relkind in ('r', 'p') and not relrowsecurity
    and exists (select from pg_catalog.pg_policy p where p.polrelid = t.oid)
  union all
  select 'performance', 'policy_calls_for_each_row', 'warning', name,
    format('Policy "%%s" calls auth.uid() or its kin for each row; inside a select it is called once.', polname),
    'Write (select auth.uid()) instead of auth.uid() in the policy.'
  from policies
  where regexp_replace(
    expression, 'select\s+(auth\.(uid|jwt|role|email)\(\)|current_setting\([^()]*\))', '', 'gi'
  ) ~* 'auth\.(uid|jwt|role|email)\(\)|current_setting\('
  union all
  select 'security', 'policy_trusts_user_metadata', 'error', name,
    format('Policy "%%s" looks at user_metadata, which users write themselves.', polname),
    'Use app_metadata instead.'
  from policies where expression ~* 'user_metadata'
  union all
  select 'performance', 'several_permissive_policies', 'warning', t.name,
    format('%%s permissive policies for the same command and role are all run for each row.', count(*)),
    'Join them with or into one policy.'
  from pg_catalog.pg_policy p join tables t on t.oid = p.polrelid cross join unnest(p.polroles) as r (role)
  where p.polpermissive group by t.name, p.polcmd, r.role having count(*) > 1
  union all
  select 'security', 'security_definer_view', 'error', name,
    'The view reads with its owner''s rights: row level security of its tables does not hold for those who read it.',
    format('alter view %%s set (security_invoker = true);', name)
  from tables where relkind = 'v' and is_open
    and coalesce(lower(array_to_string(reloptions, ',')), '') !~ 'security_invoker=(true|on|1|yes)'
  union all
  select 'security', 'materialized_view_open', 'warning', name,
    'Row level security does not exist for materialized views, and the public key can read this one.',
    format('revoke all on %%s from anon, authenticated;', name)
  from tables where relkind = 'm' and is_open
  union all
  select 'performance', 'foreign_key_without_index', 'warning', t.name,
    format('No index begins with the columns of foreign key "%%s": joins and deletes of what it refers to are slow.', k.conname),
    format('create index on %%s (%%s);', t.name, (
      select string_agg(quote_ident(a.attname), ', ' order by c.position)
      from unnest(k.conkey) with ordinality as c (number, position)
      join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.number
    ))
  from pg_catalog.pg_constraint k join tables t on t.oid = k.conrelid
  where k.contype = 'f' and not exists (
    select from pg_catalog.pg_index i
    where i.indrelid = k.conrelid and i.indisvalid and i.indpred is null
      and (i.indkey::smallint[])[0:cardinality(k.conkey) - 1] @> k.conkey
  )
  union all
  select 'performance', 'duplicate_index', 'warning', t.name,
    format('Indexes %%s are the same.', string_agg(quote_ident(x.relname), ', ' order by x.oid)),
    'Drop all but one of them.'
  from pg_catalog.pg_index i join tables t on t.oid = i.indrelid join pg_catalog.pg_class x on x.oid = i.indexrelid
  group by t.name, i.indrelid, i.indkey::text, i.indclass::text, i.indoption::text, i.indisunique,
    pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)
  having count(*) > 1
  union all
  select 'performance', 'no_primary_key', 'info', t.name,
    'The table has no primary key: its rows cannot be told apart, nor replicated when they change.',
    format('alter table %%s add primary key (...);', t.name)
  from tables t where t.relkind in ('r', 'p') and not exists (
    select from pg_catalog.pg_constraint k where k.conrelid = t.oid and k.contype = 'p'
  )
  union all
  select 'security', 'function_search_path_mutable', case when f.prosecdef then 'warning' else 'info' end,
    format('%%I.%%I(%%s)', s.nspname, f.proname, pg_get_function_identity_arguments(f.oid)),
    'The function sets no search_path: a caller''s own objects can be taken for those it means.',
    format('alter function %%I.%%I(%%s) set search_path = '''';', s.nspname, f.proname, pg_get_function_identity_arguments(f.oid))
  from pg_catalog.pg_proc f join spaces s on s.oid = f.pronamespace
  where f.prokind = 'f' and coalesce(array_to_string(f.proconfig, ','), '') !~ 'search_path='
    and not exists (select from pg_catalog.pg_depend d where d.objid = f.oid and d.deptype = 'e')
)
select code, level, object, message, fix from found
where %(kind)s = 'all' or kind = %(kind)s
order by array_position(array['error', 'warning', 'info'], level), code, object
limit %(limit)s offset %(offset)s
