CREATE TABLE IF NOT EXISTS type_quotas (
  id BIGINT NOT NULL,
  ssd_quota BIGINT NOT NULL,
  disk_quota BIGINT NOT NULL,
  archive_quota BIGINT NOT NULL,
  provided_quota BIGINT NOT NULL,
  nvdimm_quota BIGINT NOT NULL,
  ssd_used BIGINT NOT NULL,
  disk_used BIGINT NOT NULL,
  archive_used BIGINT NOT NULL,
  provided_used BIGINT NOT NULL,
  nvdimm_used BIGINT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;
