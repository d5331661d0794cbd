CREATE TABLE IF NOT EXISTS type_quotas (
  id INTEGER NOT NULL,
  ssd_quota INTEGER NOT NULL,
  disk_quota INTEGER NOT NULL,
  archive_quota INTEGER NOT NULL,
  provided_quota INTEGER NOT NULL,
  nvdimm_quota INTEGER NOT NULL,
  ssd_used INTEGER NOT NULL,
  disk_used INTEGER NOT NULL,
  archive_used INTEGER NOT NULL,
  provided_used INTEGER NOT NULL,
  nvdimm_used INTEGER NOT NULL,
  PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;
