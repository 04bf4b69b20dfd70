-- A little of every type and relationship, for clients that try every filter.
create table plays (id int primary key, title text, year int, staged boolean, tags text[], data jsonb, run int4range,
  words tsvector generated always as (to_tsvector('english', coalesce(title, ''))) stored);
create table roles (id int primary key, name text, play_id int references plays);
create table actors (id int primary key, name text);
create table casts (play_id int references plays, actor_id int references actors, primary key (play_id, actor_id));
create table letters (id int primary key, sender_id int references actors, receiver_id int references actors);
create table fruit (name text primary key, price int default 4);
create table secrets (id int primary key);
alter table secrets enable row level security;
insert into plays (id, title, year, staged, tags, data, run) values
  (1, 'Hamlet, "Prince" (1)', 1600, true, '{sad,long}', '{"acts": 5}', '[1,10)'),
  (2, 'Othello, the (Moor)', 1603, false, '{sad}', '{"acts": 5}', '[5,8)'),
  (3, 'Macbeth', 1606, true, '{short}', '{"acts": 4}', '[20,30)'),
  (4, 'The castle of the ghost', null, null, null, null, null);
insert into roles values (1, 'Hamlet', 1), (2, 'Ghost', 1), (3, 'Iago', 2), (4, 'Macduff', 3);
insert into actors values (1, 'Ada'), (2, 'Ben');
insert into casts values (1, 1), (1, 2), (2, 2);
insert into letters values (1, 1, 2);
insert into secrets values (1);
create function add(a int, b int) returns int language sql immutable as 'select a + b';
create function plays_after(start int) returns setof plays language sql stable as
  'select * from plays where year > start';
create function refuse() returns void language plpgsql as
  $$ begin raise exception 'not today' using hint = 'come back', detail = 'closed'; end $$;
