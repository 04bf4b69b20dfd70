-- Realtime: the publication of what may be subscribed to, the table whose policies say who may use which private topic,
-- and the functions by which the database itself broadcasts. Names are Supabase's, because migrations refer to them.

do $$
begin
  if to_regrole('supabase_realtime_admin') is null then
    create role supabase_realtime_admin;
  end if;
end
$$;

-- It reads the log of changes, and asks for each subscriber, as that subscriber, what may be seen.
alter role supabase_realtime_admin login inherit replication;
grant anon, authenticated, service_role, authenticator to supabase_realtime_admin;

create schema if not exists realtime authorization supabase_realtime_admin;
grant usage on schema realtime to anon, authenticated, service_role;

create table if not exists realtime.messages (
  topic text not null,
  extension text not null,
  payload jsonb,
  event text,
  private boolean default false,
  updated_at timestamp not null default now(),
  inserted_at timestamp not null default now(),
  id uuid not null default gen_random_uuid(),
  primary key (id, inserted_at)
);

create index if not exists messages_inserted_at_topic_idx on realtime.messages (inserted_at desc, topic);
alter table realtime.messages owner to supabase_realtime_admin;
alter table realtime.messages enable row level security;
grant select, insert, update on realtime.messages to anon, authenticated, service_role;

-- Policies call this to know which topic is asked for.
create or replace function realtime.topic() returns text language sql stable as $$
  select nullif(current_setting('realtime.topic', true), '')
$$;

-- A broadcast is a row; the notice carries its id alone, because a notice is short and everybody may listen to it.
create or replace function realtime.announce_message() returns trigger language plpgsql as $$
begin
  perform pg_notify('realtime_messages', new.id::text);
  return null;
end
$$;

drop trigger if exists announce_message on realtime.messages;
create trigger announce_message after insert on realtime.messages
  for each row when (new.extension = 'broadcast') execute function realtime.announce_message();

-- A broadcast that cannot be made is a warning: it must not undo the change that it tells of.
create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language plpgsql as $$
declare
  message_id uuid := gen_random_uuid();
  message jsonb := payload;
begin
  if jsonb_typeof(payload) = 'object' and not payload ? 'id' then
    message := payload || jsonb_build_object('id', message_id);
  end if;
  perform set_config('realtime.topic', send.topic, true);
  insert into realtime.messages (id, payload, event, topic, private, extension)
  values (message_id, message, send.event, send.topic, send.private, 'broadcast');
exception when others then
  raise warning 'ErrorSendingBroadcastMessage: %', sqlerrm;
end
$$;

create or replace function realtime.broadcast_changes(
  topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record,
  level text default 'ROW'
) returns void language plpgsql as $$
begin
  if level = 'STATEMENT' then
    raise exception 'function can only be triggered for each row, not for each statement';
  end if;
  perform realtime.send(
    jsonb_build_object(
      'schema', table_schema, 'table', table_name, 'operation', operation, 'record', to_jsonb(new),
      'old_record', to_jsonb(old)
    ),
    event_name, topic_name
  );
end
$$;

-- What a token may do on a private topic. It tries, so its caller has to roll back what it did.
create or replace function realtime.channel_access(channel text, holder_role text, holder_claims text)
returns table (hear_broadcast boolean, hear_presence boolean, say_broadcast boolean, say_presence boolean)
language plpgsql as $$
declare
  broadcast_probe uuid := gen_random_uuid();
  presence_probe uuid := gen_random_uuid();
begin
  insert into realtime.messages (id, topic, extension, private)
  values (broadcast_probe, channel, 'broadcast', true), (presence_probe, channel, 'presence', true);
  perform set_config('realtime.topic', channel, true), set_config('request.jwt.claims', holder_claims, true);
  perform set_config('role', holder_role, true);
  -- A policy that fails lets nobody through.
  begin
    select coalesce(bool_or(m.id = broadcast_probe), false), coalesce(bool_or(m.id = presence_probe), false)
    into hear_broadcast, hear_presence
    from realtime.messages m where m.id in (broadcast_probe, presence_probe);
  exception when others then
    hear_broadcast := false;
    hear_presence := false;
  end;
  begin
    insert into realtime.messages (topic, extension, private) values (channel, 'broadcast', true);
    say_broadcast := true;
  exception when others then
    say_broadcast := false;
  end;
  begin
    insert into realtime.messages (topic, extension, private) values (channel, 'presence', true);
    say_presence := true;
  exception when others then
    say_presence := false;
  end;
  return next;
end
$$;

-- Which rows each of several people sees: `probe` gives the numbers of the visible ones among the keys, and runs once
-- as each of them ({"role", "claims"}, in the order of the answer). Who makes a policy fail sees nothing.
create or replace function realtime.rows_visible(probe text, keys jsonb, people jsonb)
returns setof int[] language plpgsql as $$
declare
  person jsonb;
  found int[];
begin
  for person in select value from jsonb_array_elements(people) loop
    begin
      perform set_config('request.jwt.claims', person ->> 'claims', true);
      perform set_config('role', person ->> 'role', true);
      execute probe into found using keys;
    exception when others then
      found := null;
    end;
    return next coalesce(found, '{}');
  end loop;
end
$$;

revoke all on function realtime.channel_access(text, text, text) from public;
revoke all on function realtime.rows_visible(text, jsonb, jsonb) from public;

do $$
declare
  routine regprocedure;
begin
  for routine in select oid from pg_proc where pronamespace = 'realtime'::regnamespace loop
    execute format('alter function %s owner to supabase_realtime_admin', routine);
  end loop;
  if not exists (select from pg_publication where pubname = 'supabase_realtime') then
    create publication supabase_realtime with (publish_via_partition_root = true);
  end if;
end
$$;
