-- As the step up; a later step down may have dropped the table already.
CREATE TABLE IF NOT EXISTS directories (
  id INTEGER NOT NULL,
  mtime INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  ns_quota INTEGER NOT NULL,
  ds_quota INTEGER NOT NULL,
  ns_used INTEGER NOT NULL,
  ds_used INTEGER NOT NULL,
  PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;
DROP TABLE IF EXISTS directories_old;
CREATE TABLE directories_old (
  id INTEGER NOT NULL,
  mtime INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  ns_quota INTEGER NOT NULL,
  ds_quota INTEGER NOT NULL,
  ns_used INTEGER NOT NULL,
  ds_used INTEGER NOT NULL,
  PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;
INSERT INTO directories_old SELECT id, mtime, entries, ns_quota, ds_quota, ns_used, ds_used FROM directories;
DROP TABLE directories;
ALTER TABLE directories_old RENAME TO directories;
