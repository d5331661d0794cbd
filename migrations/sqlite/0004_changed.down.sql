-- As the step up.
DROP TABLE IF EXISTS batch_markers;
CREATE TABLE batch_markers (
  namenode_id INTEGER NOT NULL,
  lane INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  committed INTEGER NOT NULL,
  PRIMARY KEY (namenode_id, lane, batch)
) STRICT, WITHOUT ROWID;
