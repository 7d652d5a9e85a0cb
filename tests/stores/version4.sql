-- A store of version 3: a job that has finished, one that runs, its cell, a drained machine.
CREATE TABLE meta (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL, team TEXT NOT NULL, submitted REAL NOT NULL, samples REAL NOT NULL,
  phase INTEGER NOT NULL, reason TEXT NOT NULL, started REAL, ended REAL, promised REAL,
  retry_at REAL, samples_done REAL NOT NULL, samples_saved REAL NOT NULL, utility REAL NOT NULL,
  loss REAL, epoch INTEGER NOT NULL, failures INTEGER NOT NULL, restarts INTEGER NOT NULL,
  resizes INTEGER NOT NULL, port INTEGER NOT NULL, was_admitted INTEGER NOT NULL,
  is_cancelled INTEGER NOT NULL DEFAULT 0, generation INTEGER NOT NULL DEFAULT 0,
  last_part INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '');
CREATE INDEX jobs_by_phase ON jobs (phase, number);
CREATE TABLE job_texts (
  number INTEGER PRIMARY KEY, text TEXT NOT NULL, directory TEXT NOT NULL,
  environment TEXT NOT NULL, plan TEXT NOT NULL, speeds TEXT NOT NULL);
CREATE TABLE cells (
  job INTEGER, epoch INTEGER, machine INTEGER, workers INTEGER NOT NULL, servers INTEGER NOT NULL,
  token TEXT NOT NULL, is_stopping INTEGER NOT NULL, part INTEGER, task INTEGER NOT NULL,
  rank INTEGER NOT NULL, has_started INTEGER NOT NULL, PRIMARY KEY (job, epoch, machine, part))
  WITHOUT ROWID;
CREATE TABLE drains (machine TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE changes (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL,
  job INTEGER NOT NULL, phase INTEGER NOT NULL, epoch INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX changes_by_job ON changes (job, number);
CREATE TABLE accounts (
  name TEXT PRIMARY KEY, credits REAL, period REAL NOT NULL, shares REAL NOT NULL,
  members TEXT NOT NULL, balance REAL NOT NULL, renewed REAL NOT NULL, charged REAL NOT NULL,
  refunded REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE charges (
  job INTEGER PRIMARY KEY, account TEXT NOT NULL, price REAL NOT NULL, refund REAL NOT NULL,
  at REAL NOT NULL, promised REAL NOT NULL, was_hit INTEGER NOT NULL);
CREATE INDEX charges_by_account ON charges (account, job);
CREATE TABLE tokens (
  id TEXT PRIMARY KEY, user TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL,
  note TEXT NOT NULL, created REAL NOT NULL, expires REAL) WITHOUT ROWID;
INSERT INTO meta VALUES ('beginning', 1700000000);
INSERT INTO jobs (number, name, team, submitted, samples, phase, reason, started, ended, promised, retry_at, samples_done, samples_saved, utility, loss, epoch, failures, restarts, resizes, port, was_admitted) VALUES
  (1, 'done', 'team', 1700000000.5, 3600, 5, 'finished', 1700000010, 1700001000, 1700003610, NULL, 100, 50, 1, 0.25, 1, 0, 1, 2, 29411, 1),
  (2, 'old', 'team', 1700000000.5, 3600, 2, 'admitted', 1700000010, NULL, 1700003610, NULL, 100, 50, 1, 0.25, 3, 0, 1, 2, 29411, 1);
INSERT INTO job_texts VALUES (1, 'name: old
workers:
  command: exec sleep 1000
  resources: {gpu: 1}
work: {duration: 1h}
', '/tmp', '', '', '');
INSERT INTO job_texts VALUES (2, 'name: old
workers:
  command: exec sleep 1000
  resources: {gpu: 1}
work: {duration: 1h}
', '/tmp', '', '', '');
INSERT INTO cells VALUES (2, 3, 0, 1, 0, 'secret', 0, 0, 0, 0, 1);
INSERT INTO drains VALUES ('local-1', 'a fan');
INSERT INTO changes VALUES (7, 1700001000, 'job', 1, 5, 1, 'finished');
PRAGMA user_version = 4;
