-- Long work. The truth about a job stands here; the queue (schema smeboost_queue, made by the worker's library) only
-- says "look at this one". The schema is not exposed over REST.

create schema smeboost;
revoke all on schema smeboost from public;

create table smeboost.jobs (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null references public.workspaces (id) on delete cascade,
  user_id uuid not null,
  kind text not null check (length(kind) between 1 and 100),
  -- json, not jsonb, which refuses the U+0000 that a cell may hold; nothing looks inside these columns.
  arguments json not null,
  state text not null default 'queued' check (state in ('queued', 'running', 'succeeded', 'incomplete', 'failed')),
  -- Each time a worker takes the job up is a new run. What an older run still says is refused: a worker that was cut
  -- off for a while must not send the batches that another one is sending.
  run integer not null default 0,
  done integer not null default 0,
  total integer not null check (total >= 0),
  result json,
  error json,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
);

create index jobs_of_workspace on smeboost.jobs (workspace_id, created_at desc);

-- A step is noted before its outside effect and again after it. One that was begun and not finished when its worker
-- died has an unknown outcome, and is never simply repeated.
create table smeboost.job_steps (
  job_id uuid not null references smeboost.jobs (id) on delete cascade,
  number integer not null check (number >= 0),
  outcome json,
  begun_at timestamptz not null default now(),
  finished_at timestamptz,
  primary key (job_id, number)
);
