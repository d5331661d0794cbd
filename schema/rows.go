package schema

// The rows as structs. Xxx.Row and XxxOf convert between a struct and a Row of its
// table; the fields are the columns, in order.

// Guard is a row of Guards.
type Guard struct {
	ID int64
}

// Row returns the row of Guards.
func (v *Guard) Row() Row {
	return Row{
		Int(v.ID),
	}
}

// GuardOf reads a row of Guards.
func GuardOf(r Row) Guard {
	return Guard{
		ID: r[0].i,
	}
}

// Inode is a row of Inodes.
type Inode struct {
	PartitionID   int64
	ParentID      int64
	Name          string
	ID            int64
	Kind          int64
	UserName      string
	GroupName     string
	Mode          int64
	Flags         int64
	MTime         int64
	ATime         int64
	Length        int64
	Replication   int64
	BlockSize     int64
	StoragePolicy int64
	ECPolicy      int64
	ClientName    string
	ClientMachine string
}

// Row returns the row of Inodes.
func (v *Inode) Row() Row { return v.Append(make(Row, 0, 18)) }

// Append adds the columns of the row to r.
func (v *Inode) Append(r Row) Row {
	return append(r,
		Int(v.PartitionID),
		Int(v.ParentID),
		Str(v.Name),
		Int(v.ID),
		Int(v.Kind),
		Str(v.UserName),
		Str(v.GroupName),
		Int(v.Mode),
		Int(v.Flags),
		Int(v.MTime),
		Int(v.ATime),
		Int(v.Length),
		Int(v.Replication),
		Int(v.BlockSize),
		Int(v.StoragePolicy),
		Int(v.ECPolicy),
		Str(v.ClientName),
		Str(v.ClientMachine),
	)
}

// InodeOf reads a row of Inodes.
func InodeOf(r Row) Inode {
	return Inode{
		PartitionID:   r[0].i,
		ParentID:      r[1].i,
		Name:          r[2].s,
		ID:            r[3].i,
		Kind:          r[4].i,
		UserName:      r[5].s,
		GroupName:     r[6].s,
		Mode:          r[7].i,
		Flags:         r[8].i,
		MTime:         r[9].i,
		ATime:         r[10].i,
		Length:        r[11].i,
		Replication:   r[12].i,
		BlockSize:     r[13].i,
		StoragePolicy: r[14].i,
		ECPolicy:      r[15].i,
		ClientName:    r[16].s,
		ClientMachine: r[17].s,
	}
}

// Directory is a row of Directories.
type Directory struct {
	ID      int64
	MTime   int64
	Entries int64
	NSQuota int64
	DSQuota int64
	NSUsed  int64
	DSUsed  int64
	Changes int64
}

// Row returns the row of Directories.
func (v *Directory) Row() Row { return v.Append(make(Row, 0, 8)) }

// Append adds the columns of the row to r.
func (v *Directory) Append(r Row) Row {
	return append(r,
		Int(v.ID),
		Int(v.MTime),
		Int(v.Entries),
		Int(v.NSQuota),
		Int(v.DSQuota),
		Int(v.NSUsed),
		Int(v.DSUsed),
		Int(v.Changes),
	)
}

// DirectoryOf reads a row of Directories.
func DirectoryOf(r Row) Directory {
	return Directory{
		ID:      r[0].i,
		MTime:   r[1].i,
		Entries: r[2].i,
		NSQuota: r[3].i,
		DSQuota: r[4].i,
		NSUsed:  r[5].i,
		DSUsed:  r[6].i,
		Changes: r[7].i,
	}
}

// TypeQuota is a row of TypeQuotas.
type TypeQuota struct {
	ID            int64
	SSDQuota      int64
	DiskQuota     int64
	ArchiveQuota  int64
	ProvidedQuota int64
	NVDIMMQuota   int64
	SSDUsed       int64
	DiskUsed      int64
	ArchiveUsed   int64
	ProvidedUsed  int64
	NVDIMMUsed    int64
}

// Row returns the row of TypeQuotas.
func (v *TypeQuota) Row() Row {
	return Row{
		Int(v.ID),
		Int(v.SSDQuota),
		Int(v.DiskQuota),
		Int(v.ArchiveQuota),
		Int(v.ProvidedQuota),
		Int(v.NVDIMMQuota),
		Int(v.SSDUsed),
		Int(v.DiskUsed),
		Int(v.ArchiveUsed),
		Int(v.ProvidedUsed),
		Int(v.NVDIMMUsed),
	}
}

// TypeQuotaOf reads a row of TypeQuotas.
func TypeQuotaOf(r Row) TypeQuota {
	return TypeQuota{
		ID:            r[0].i,
		SSDQuota:      r[1].i,
		DiskQuota:     r[2].i,
		ArchiveQuota:  r[3].i,
		ProvidedQuota: r[4].i,
		NVDIMMQuota:   r[5].i,
		SSDUsed:       r[6].i,
		DiskUsed:      r[7].i,
		ArchiveUsed:   r[8].i,
		ProvidedUsed:  r[9].i,
		NVDIMMUsed:    r[10].i,
	}
}

// Lease is a row of Leases.
type Lease struct {
	Holder  string
	Renewed int64
}

// Row returns the row of Leases.
func (v *Lease) Row() Row { return v.Append(make(Row, 0, 2)) }

// Append adds the columns of the row to r.
func (v *Lease) Append(r Row) Row {
	return append(r,
		Str(v.Holder),
		Int(v.Renewed),
	)
}

// LeaseOf reads a row of Leases.
func LeaseOf(r Row) Lease {
	return Lease{
		Holder:  r[0].s,
		Renewed: r[1].i,
	}
}

// OpenFile is a row of OpenFiles.
type OpenFile struct {
	InodeID int64
	Holder  string
	Since   int64
}

// Row returns the row of OpenFiles.
func (v *OpenFile) Row() Row { return v.Append(make(Row, 0, 3)) }

// Append adds the columns of the row to r.
func (v *OpenFile) Append(r Row) Row {
	return append(r,
		Int(v.InodeID),
		Str(v.Holder),
		Int(v.Since),
	)
}

// OpenFileOf reads a row of OpenFiles.
func OpenFileOf(r Row) OpenFile {
	return OpenFile{
		InodeID: r[0].i,
		Holder:  r[1].s,
		Since:   r[2].i,
	}
}

// Block is a row of Blocks.
type Block struct {
	InodeID         int64
	Idx             int64
	BlockID         int64
	GenerationStamp int64
	NumBytes        int64
	State           int64
	RecoveryID      int64
	RecoveryStarted int64
	TruncateTo      int64
}

// Row returns the row of Blocks.
func (v *Block) Row() Row { return v.Append(make(Row, 0, 9)) }

// Append adds the columns of the row to r.
func (v *Block) Append(r Row) Row {
	return append(r,
		Int(v.InodeID),
		Int(v.Idx),
		Int(v.BlockID),
		Int(v.GenerationStamp),
		Int(v.NumBytes),
		Int(v.State),
		Int(v.RecoveryID),
		Int(v.RecoveryStarted),
		Int(v.TruncateTo),
	)
}

// BlockOf reads a row of Blocks.
func BlockOf(r Row) Block {
	return Block{
		InodeID:         r[0].i,
		Idx:             r[1].i,
		BlockID:         r[2].i,
		GenerationStamp: r[3].i,
		NumBytes:        r[4].i,
		State:           r[5].i,
		RecoveryID:      r[6].i,
		RecoveryStarted: r[7].i,
		TruncateTo:      r[8].i,
	}
}

// Replica is a row of Replicas.
type Replica struct {
	InodeID         int64
	BlockID         int64
	StorageID       int64
	State           int64
	GenerationStamp int64
	NumBytes        int64
}

// Row returns the row of Replicas.
func (v *Replica) Row() Row { return v.Append(make(Row, 0, 6)) }

// Append adds the columns of the row to r.
func (v *Replica) Append(r Row) Row {
	return append(r,
		Int(v.InodeID),
		Int(v.BlockID),
		Int(v.StorageID),
		Int(v.State),
		Int(v.GenerationStamp),
		Int(v.NumBytes),
	)
}

// ReplicaOf reads a row of Replicas.
func ReplicaOf(r Row) Replica {
	return Replica{
		InodeID:         r[0].i,
		BlockID:         r[1].i,
		StorageID:       r[2].i,
		State:           r[3].i,
		GenerationStamp: r[4].i,
		NumBytes:        r[5].i,
	}
}

// Reconstruction is a row of Reconstructions.
type Reconstruction struct {
	BlockID      int64
	InodeID      int64
	Priority     int64
	Since        int64
	PendingUntil int64
}

// Row returns the row of Reconstructions.
func (v *Reconstruction) Row() Row {
	return Row{
		Int(v.BlockID),
		Int(v.InodeID),
		Int(v.Priority),
		Int(v.Since),
		Int(v.PendingUntil),
	}
}

// ReconstructionOf reads a row of Reconstructions.
func ReconstructionOf(r Row) Reconstruction {
	return Reconstruction{
		BlockID:      r[0].i,
		InodeID:      r[1].i,
		Priority:     r[2].i,
		Since:        r[3].i,
		PendingUntil: r[4].i,
	}
}

// Invalidation is a row of Invalidations.
type Invalidation struct {
	StorageID       int64
	BlockID         int64
	GenerationStamp int64
	NumBytes        int64
	Sent            int64
}

// Row returns the row of Invalidations.
func (v *Invalidation) Row() Row {
	return Row{
		Int(v.StorageID),
		Int(v.BlockID),
		Int(v.GenerationStamp),
		Int(v.NumBytes),
		Int(v.Sent),
	}
}

// InvalidationOf reads a row of Invalidations.
func InvalidationOf(r Row) Invalidation {
	return Invalidation{
		StorageID:       r[0].i,
		BlockID:         r[1].i,
		GenerationStamp: r[2].i,
		NumBytes:        r[3].i,
		Sent:            r[4].i,
	}
}

// Datanode is a row of Datanodes.
type Datanode struct {
	UUID           string
	IP             string
	Host           string
	XferPort       int64
	InfoPort       int64
	InfoSecurePort int64
	IpcPort        int64
	Version        string
	Location       string
	AdminState     int64
	Registered     int64
}

// Row returns the row of Datanodes.
func (v *Datanode) Row() Row {
	return Row{
		Str(v.UUID),
		Str(v.IP),
		Str(v.Host),
		Int(v.XferPort),
		Int(v.InfoPort),
		Int(v.InfoSecurePort),
		Int(v.IpcPort),
		Str(v.Version),
		Str(v.Location),
		Int(v.AdminState),
		Int(v.Registered),
	}
}

// DatanodeOf reads a row of Datanodes.
func DatanodeOf(r Row) Datanode {
	return Datanode{
		UUID:           r[0].s,
		IP:             r[1].s,
		Host:           r[2].s,
		XferPort:       r[3].i,
		InfoPort:       r[4].i,
		InfoSecurePort: r[5].i,
		IpcPort:        r[6].i,
		Version:        r[7].s,
		Location:       r[8].s,
		AdminState:     r[9].i,
		Registered:     r[10].i,
	}
}

// Storage is a row of Storages.
type Storage struct {
	StorageID    int64
	UUID         string
	DatanodeUUID string
	Type         int64
	State        int64
}

// Row returns the row of Storages.
func (v *Storage) Row() Row {
	return Row{
		Int(v.StorageID),
		Str(v.UUID),
		Str(v.DatanodeUUID),
		Int(v.Type),
		Int(v.State),
	}
}

// StorageOf reads a row of Storages.
func StorageOf(r Row) Storage {
	return Storage{
		StorageID:    r[0].i,
		UUID:         r[1].s,
		DatanodeUUID: r[2].s,
		Type:         r[3].i,
		State:        r[4].i,
	}
}

// ACL is a row of ACLs.
type ACL struct {
	InodeID    int64
	Idx        int64
	Scope      int64
	Type       int64
	Name       string
	Permission int64
}

// Row returns the row of ACLs.
func (v *ACL) Row() Row {
	return Row{
		Int(v.InodeID),
		Int(v.Idx),
		Int(v.Scope),
		Int(v.Type),
		Str(v.Name),
		Int(v.Permission),
	}
}

// ACLOf reads a row of ACLs.
func ACLOf(r Row) ACL {
	return ACL{
		InodeID:    r[0].i,
		Idx:        r[1].i,
		Scope:      r[2].i,
		Type:       r[3].i,
		Name:       r[4].s,
		Permission: r[5].i,
	}
}

// XAttr is a row of XAttrs.
type XAttr struct {
	InodeID   int64
	Namespace int64
	Name      string
	Value     string
}

// Row returns the row of XAttrs.
func (v *XAttr) Row() Row {
	return Row{
		Int(v.InodeID),
		Int(v.Namespace),
		Str(v.Name),
		Str(v.Value),
	}
}

// XAttrOf reads a row of XAttrs.
func XAttrOf(r Row) XAttr {
	return XAttr{
		InodeID:   r[0].i,
		Namespace: r[1].i,
		Name:      r[2].s,
		Value:     r[3].s,
	}
}

// Purged is a row of Purge.
type Purged struct {
	InodeID int64
	Kind    int64
	Since   int64
}

// Row returns the row of Purge.
func (v *Purged) Row() Row {
	return Row{
		Int(v.InodeID),
		Int(v.Kind),
		Int(v.Since),
	}
}

// PurgedOf reads a row of Purge.
func PurgedOf(r Row) Purged {
	return Purged{
		InodeID: r[0].i,
		Kind:    r[1].i,
		Since:   r[2].i,
	}
}

// RetryEntry is a row of RetryCache.
type RetryEntry struct {
	ClientID string
	CallID   int64
	Expires  int64
	Answer   string
}

// Row returns the row of RetryCache.
func (v *RetryEntry) Row() Row { return v.Append(make(Row, 0, 4)) }

// Append adds the columns of the row to r.
func (v *RetryEntry) Append(r Row) Row {
	return append(r,
		Str(v.ClientID),
		Int(v.CallID),
		Int(v.Expires),
		Str(v.Answer),
	)
}

// RetryEntryOf reads a row of RetryCache.
func RetryEntryOf(r Row) RetryEntry {
	return RetryEntry{
		ClientID: r[0].s,
		CallID:   r[1].i,
		Expires:  r[2].i,
		Answer:   r[3].s,
	}
}

// Variable is a row of Variables.
type Variable struct {
	Name  string
	Value int64
	Text  string
}

// Row returns the row of Variables.
func (v *Variable) Row() Row {
	return Row{
		Str(v.Name),
		Int(v.Value),
		Str(v.Text),
	}
}

// VariableOf reads a row of Variables.
func VariableOf(r Row) Variable {
	return Variable{
		Name:  r[0].s,
		Value: r[1].i,
		Text:  r[2].s,
	}
}

// Namenode is a row of Namenodes.
type Namenode struct {
	ID             int64
	Counter        int64
	RPCAddress     string
	ServiceAddress string
	HTTPAddress    string
	Version        string
	Load           int64
	Started        int64
}

// Row returns the row of Namenodes.
func (v *Namenode) Row() Row {
	return Row{
		Int(v.ID),
		Int(v.Counter),
		Str(v.RPCAddress),
		Str(v.ServiceAddress),
		Str(v.HTTPAddress),
		Str(v.Version),
		Int(v.Load),
		Int(v.Started),
	}
}

// NamenodeOf reads a row of Namenodes.
func NamenodeOf(r Row) Namenode {
	return Namenode{
		ID:             r[0].i,
		Counter:        r[1].i,
		RPCAddress:     r[2].s,
		ServiceAddress: r[3].s,
		HTTPAddress:    r[4].s,
		Version:        r[5].s,
		Load:           r[6].i,
		Started:        r[7].i,
	}
}

// BatchMarker is a row of BatchMarkers.
type BatchMarker struct {
	NamenodeID int64
	Lane       int64
	Batch      int64
	Committed  int64
	Previous   int64
	Changed    string
}

// Row returns the row of BatchMarkers.
func (v *BatchMarker) Row() Row {
	return Row{
		Int(v.NamenodeID),
		Int(v.Lane),
		Int(v.Batch),
		Int(v.Committed),
		Int(v.Previous),
		Str(v.Changed),
	}
}

// BatchMarkerOf reads a row of BatchMarkers.
func BatchMarkerOf(r Row) BatchMarker {
	return BatchMarker{
		NamenodeID: r[0].i,
		Lane:       r[1].i,
		Batch:      r[2].i,
		Committed:  r[3].i,
		Previous:   r[4].i,
		Changed:    r[5].s,
	}
}
