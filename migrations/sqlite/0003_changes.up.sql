-- The table is made anew: there is no ADD COLUMN IF, and a step has to work a second time.
DROP TABLE IF EXISTS directories_new;
CREATE TABLE directories_new (
  id INTEGER NOT NULL,
  mtime INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  ns_quota INTEGER NOT NULL,
  ds_quota INTEGER NOT NULL,
  ns_used INTEGER NOT NULL,
  ds_used INTEGER NOT NULL,
  changes INTEGER NOT NULL,
  PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;
INSERT INTO directories_new SELECT id, mtime, entries, ns_quota, ds_quota, ns_used, ds_used, 0 FROM directories;
DROP TABLE directories;
ALTER TABLE directories_new RENAME TO directories;
