-- The table is made anew: there is no ADD COLUMN IF, and a step has to work a second time.
-- SQLite has no markers: it is empty.
DROP TABLE IF EXISTS batch_markers;
CREATE TABLE batch_markers (
  namenode_id INTEGER NOT NULL,
  lane INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  committed INTEGER NOT NULL,
  previous INTEGER NOT NULL,
  changed BLOB NOT NULL,
  PRIMARY KEY (namenode_id, lane, batch)
) STRICT, WITHOUT ROWID;
