CREATE TABLE IF NOT EXISTS guards (
  id BIGINT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS inodes (
  partition_id BIGINT NOT NULL,
  parent_id BIGINT NOT NULL,
  name VARBINARY(255) NOT NULL,
  id BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  user_name VARBINARY(128) NOT NULL,
  group_name VARBINARY(128) NOT NULL,
  mode BIGINT NOT NULL,
  flags BIGINT NOT NULL,
  mtime BIGINT NOT NULL,
  atime BIGINT NOT NULL,
  length BIGINT NOT NULL,
  replication BIGINT NOT NULL,
  block_size BIGINT NOT NULL,
  storage_policy BIGINT NOT NULL,
  ec_policy BIGINT NOT NULL,
  client_name VARBINARY(255) NOT NULL,
  client_machine VARBINARY(255) NOT NULL,
  PRIMARY KEY (partition_id, parent_id, name),
  UNIQUE KEY inodes_id (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS directories (
  id BIGINT NOT NULL,
  mtime BIGINT NOT NULL,
  entries BIGINT NOT NULL,
  ns_quota BIGINT NOT NULL,
  ds_quota BIGINT NOT NULL,
  ns_used BIGINT NOT NULL,
  ds_used BIGINT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS leases (
  holder VARBINARY(255) NOT NULL,
  renewed BIGINT NOT NULL,
  PRIMARY KEY (holder),
  KEY leases_renewed (renewed)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS open_files (
  inode_id BIGINT NOT NULL,
  holder VARBINARY(255) NOT NULL,
  since BIGINT NOT NULL,
  PRIMARY KEY (inode_id),
  KEY open_files_holder (holder, inode_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS blocks (
  inode_id BIGINT NOT NULL,
  idx BIGINT NOT NULL,
  block_id BIGINT NOT NULL,
  generation_stamp BIGINT NOT NULL,
  num_bytes BIGINT NOT NULL,
  state BIGINT NOT NULL,
  recovery_id BIGINT NOT NULL,
  recovery_started BIGINT NOT NULL,
  truncate_to BIGINT NOT NULL,
  PRIMARY KEY (inode_id, idx),
  UNIQUE KEY blocks_block_id (block_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS replicas (
  inode_id BIGINT NOT NULL,
  block_id BIGINT NOT NULL,
  storage_id BIGINT NOT NULL,
  state BIGINT NOT NULL,
  generation_stamp BIGINT NOT NULL,
  num_bytes BIGINT NOT NULL,
  PRIMARY KEY (inode_id, block_id, storage_id),
  KEY replicas_storage (storage_id, block_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS reconstructions (
  block_id BIGINT NOT NULL,
  inode_id BIGINT NOT NULL,
  priority BIGINT NOT NULL,
  since BIGINT NOT NULL,
  pending_until BIGINT NOT NULL,
  PRIMARY KEY (block_id),
  KEY reconstructions_priority (priority, block_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS invalidations (
  storage_id BIGINT NOT NULL,
  block_id BIGINT NOT NULL,
  generation_stamp BIGINT NOT NULL,
  num_bytes BIGINT NOT NULL,
  sent BIGINT NOT NULL,
  PRIMARY KEY (storage_id, block_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS datanodes (
  uuid VARBINARY(64) NOT NULL,
  ip VARBINARY(64) NOT NULL,
  host VARBINARY(255) NOT NULL,
  xfer_port BIGINT NOT NULL,
  info_port BIGINT NOT NULL,
  info_secure_port BIGINT NOT NULL,
  ipc_port BIGINT NOT NULL,
  version VARBINARY(64) NOT NULL,
  location VARBINARY(255) NOT NULL,
  admin_state BIGINT NOT NULL,
  registered BIGINT NOT NULL,
  PRIMARY KEY (uuid)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS storages (
  storage_id BIGINT NOT NULL,
  uuid VARBINARY(64) NOT NULL,
  datanode_uuid VARBINARY(64) NOT NULL,
  type BIGINT NOT NULL,
  state BIGINT NOT NULL,
  PRIMARY KEY (storage_id),
  UNIQUE KEY storages_uuid (uuid)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS acls (
  inode_id BIGINT NOT NULL,
  idx BIGINT NOT NULL,
  scope BIGINT NOT NULL,
  type BIGINT NOT NULL,
  name VARBINARY(128) NOT NULL,
  permission BIGINT NOT NULL,
  PRIMARY KEY (inode_id, idx)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS xattrs (
  inode_id BIGINT NOT NULL,
  namespace BIGINT NOT NULL,
  name VARBINARY(255) NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (inode_id, namespace, name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS purge_queue (
  inode_id BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  since BIGINT NOT NULL,
  PRIMARY KEY (inode_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS retry_cache (
  client_id VARBINARY(16) NOT NULL,
  call_id BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  answer BLOB NOT NULL,
  PRIMARY KEY (client_id, call_id),
  KEY retry_cache_expires (expires)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS variables (
  name VARBINARY(64) NOT NULL,
  value BIGINT NOT NULL,
  text VARBINARY(255) NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS namenodes (
  id BIGINT NOT NULL,
  counter BIGINT NOT NULL,
  rpc_address VARBINARY(255) NOT NULL,
  service_address VARBINARY(255) NOT NULL,
  http_address VARBINARY(255) NOT NULL,
  version VARBINARY(64) NOT NULL,
  `load` BIGINT NOT NULL,
  started BIGINT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS batch_markers (
  namenode_id BIGINT NOT NULL,
  lane BIGINT NOT NULL,
  batch BIGINT NOT NULL,
  committed BIGINT NOT NULL,
  PRIMARY KEY (namenode_id, lane, batch)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;
