-- Each time a worker takes a job up is a new run. What an older run still says is refused: a worker that was cut off
-- for a while must not send the batches that another one is sending.
alter table smeboost.jobs add column run integer not null default 0;

-- A cell may hold U+0000, which jsonb refuses. Nothing looks inside these columns.
alter table smeboost.jobs
  alter column arguments type json,
  alter column result type json,
  alter column error type json;
alter table smeboost.job_steps alter column outcome type json;
