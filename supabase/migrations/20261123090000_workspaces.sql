-- Who works where, and as what. The gateway reads a person's role here, as that person, so row level security decides.

create table public.workspaces (
  id uuid primary key default gen_random_uuid(),
  name text not null check (length(name) between 1 and 200),
  created_at timestamptz not null default now()
);

create table public.members (
  workspace_id uuid not null references public.workspaces (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  role text not null check (role in ('admin', 'editor', 'viewer')),
  created_at timestamptz not null default now(),
  primary key (workspace_id, user_id)
);

create index members_user_id on public.members (user_id);

alter table public.workspaces enable row level security;
alter table public.members enable row level security;

create policy "members read their own membership" on public.members
  for select to authenticated using (user_id = auth.uid());

create policy "members read their workspace" on public.workspaces
  for select to authenticated using (
    exists (select 1 from public.members m where m.workspace_id = workspaces.id and m.user_id = auth.uid())
  );

revoke all on public.workspaces, public.members from anon, authenticated;
grant select on public.workspaces, public.members to authenticated;
grant all on public.workspaces, public.members to service_role;
