CREATE TABLE IF NOT EXISTS guards (
  id INTEGER NOT NULL,
  PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS inodes (
  partition_id INTEGER NOT NULL,
  parent_id INTEGER NOT NULL,
  name BLOB NOT NULL,
  id INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  user_name BLOB NOT NULL,
  group_name BLOB NOT NULL,
  mode INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  mtime INTEGER NOT NULL,
  atime INTEGER NOT NULL,
  length INTEGER NOT NULL,
  replication INTEGER NOT NULL,
  block_size INTEGER NOT NULL,
  storage_policy INTEGER NOT NULL,
  ec_policy INTEGER NOT NULL,
  client_name BLOB NOT NULL,
  client_machine BLOB NOT NULL,
  PRIMARY KEY (partition_id, parent_id, name)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS inodes_id ON inodes (id);

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

CREATE TABLE IF NOT EXISTS leases (
  holder BLOB NOT NULL,
  renewed INTEGER NOT NULL,
  PRIMARY KEY (holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS leases_renewed ON leases (renewed);

CREATE TABLE IF NOT EXISTS open_files (
  inode_id INTEGER NOT NULL,
  holder BLOB NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (inode_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS open_files_holder ON open_files (holder, inode_id);

CREATE TABLE IF NOT EXISTS blocks (
  inode_id INTEGER NOT NULL,
  idx INTEGER NOT NULL,
  block_id INTEGER NOT NULL,
  generation_stamp INTEGER NOT NULL,
  num_bytes INTEGER NOT NULL,
  state INTEGER NOT NULL,
  recovery_id INTEGER NOT NULL,
  recovery_started INTEGER NOT NULL,
  truncate_to INTEGER NOT NULL,
  PRIMARY KEY (inode_id, idx)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS blocks_block_id ON blocks (block_id);

CREATE TABLE IF NOT EXISTS replicas (
  inode_id INTEGER NOT NULL,
  block_id INTEGER NOT NULL,
  storage_id INTEGER NOT NULL,
  state INTEGER NOT NULL,
  generation_stamp INTEGER NOT NULL,
  num_bytes INTEGER NOT NULL,
  PRIMARY KEY (inode_id, block_id, storage_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS replicas_storage ON replicas (storage_id, block_id);

CREATE TABLE IF NOT EXISTS reconstructions (
  block_id INTEGER NOT NULL,
  inode_id INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  since INTEGER NOT NULL,
  pending_until INTEGER NOT NULL,
  PRIMARY KEY (block_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reconstructions_priority ON reconstructions (priority, block_id);

CREATE TABLE IF NOT EXISTS invalidations (
  storage_id INTEGER NOT NULL,
  block_id INTEGER NOT NULL,
  generation_stamp INTEGER NOT NULL,
  num_bytes INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  PRIMARY KEY (storage_id, block_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS datanodes (
  uuid BLOB NOT NULL,
  ip BLOB NOT NULL,
  host BLOB NOT NULL,
  xfer_port INTEGER NOT NULL,
  info_port INTEGER NOT NULL,
  info_secure_port INTEGER NOT NULL,
  ipc_port INTEGER NOT NULL,
  version BLOB NOT NULL,
  location BLOB NOT NULL,
  admin_state INTEGER NOT NULL,
  registered INTEGER NOT NULL,
  PRIMARY KEY (uuid)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS storages (
  storage_id INTEGER NOT NULL,
  uuid BLOB NOT NULL,
  datanode_uuid BLOB NOT NULL,
  type INTEGER NOT NULL,
  state INTEGER NOT NULL,
  PRIMARY KEY (storage_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS storages_uuid ON storages (uuid);

CREATE TABLE IF NOT EXISTS acls (
  inode_id INTEGER NOT NULL,
  idx INTEGER NOT NULL,
  scope INTEGER NOT NULL,
  type INTEGER NOT NULL,
  name BLOB NOT NULL,
  permission INTEGER NOT NULL,
  PRIMARY KEY (inode_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS xattrs (
  inode_id INTEGER NOT NULL,
  namespace INTEGER NOT NULL,
  name BLOB NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (inode_id, namespace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS purge_queue (
  inode_id INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (inode_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS retry_cache (
  client_id BLOB NOT NULL,
  call_id INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  answer BLOB NOT NULL,
  PRIMARY KEY (client_id, call_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS retry_cache_expires ON retry_cache (expires);

CREATE TABLE IF NOT EXISTS variables (
  name BLOB NOT NULL,
  value INTEGER NOT NULL,
  text BLOB NOT NULL,
  PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS namenodes (
  id INTEGER NOT NULL,
  counter INTEGER NOT NULL,
  rpc_address BLOB NOT NULL,
  service_address BLOB NOT NULL,
  http_address BLOB NOT NULL,
  version BLOB NOT NULL,
  `load` INTEGER NOT NULL,
  started INTEGER NOT NULL,
  PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS batch_markers (
  namenode_id INTEGER NOT NULL,
  lane INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  committed INTEGER NOT NULL,
  PRIMARY KEY (namenode_id, lane, batch)
) STRICT, WITHOUT ROWID;
