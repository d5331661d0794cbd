package repeated

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

const writer = "writer"

// A call is a request to ClientProtocol.
type call struct {
	method string
	req    proto.Message
	resp   proto.Message // an empty one
}

// An operation is a call that is repeated, in a directory of its own.
type operation struct {
	name string
	// prepare makes what the call works on and returns the call.
	prepare func(s *system, dir string) *call
	// meanwhile, if not nil, is what a client does once the repetition was answered.
	// The first call, which comes late, must not be done then.
	meanwhile func(s *system, dir string) error
}

func p[T any](v T) *T { return &v }

func extended(b blocks.Block) *hdfspb.ExtendedBlockProto {
	return &hdfspb.ExtendedBlockProto{PoolId: p(pool), BlockId: p(uint64(b.ID)), GenerationStamp: p(uint64(b.GenerationStamp)), NumBytes: p(uint64(b.NumBytes))}
}

func create(path string, flags uint32) *call {
	return &call{"create", &hdfspb.CreateRequestProto{Src: &path, Masked: &hdfspb.FsPermissionProto{Perm: p(uint32(0o644))}, ClientName: p(writer),
		CreateFlag: &flags, CreateParent: p(true), Replication: p(uint32(3)), BlockSize: p(uint64(fakecluster.BlockSize))}, &hdfspb.CreateResponseProto{}}
}

func remove(path string, recursive bool) *call {
	return &call{"delete", &hdfspb.DeleteRequestProto{Src: &path, Recursive: &recursive}, &hdfspb.DeleteResponseProto{}}
}

func add(path string, id int64, previous *blocks.Block) *call {
	r := &hdfspb.AddBlockRequestProto{Src: &path, ClientName: p(writer), FileId: p(uint64(id))}
	if previous != nil {
		r.Previous = extended(*previous)
	}
	return &call{"addBlock", r, &hdfspb.AddBlockResponseProto{}}
}

func truncate(path string, length uint64) *call {
	return &call{"truncate", &hdfspb.TruncateRequestProto{Src: &path, NewLength: &length, ClientName: p(writer)}, &hdfspb.TruncateResponseProto{}}
}

// open makes a file that is being written, with one block of 100 bytes.
func (s *system) open(path string) (*namespace.FileStatus, blocks.Block) {
	st := s.Create(path, writer, 3)
	return st, s.Fill(s.AddBlock(path, writer, st.ID, nil), 100)
}

func (s *system) mkdirs(path string) {
	s.T.Helper()
	if err := s.NS.Mkdirs(context.Background(), fakecluster.Root, path, 0o755, true); err != nil {
		s.T.Fatal(err)
	}
}

func rename(s *system, src, dst string) error {
	return s.NS.Rename2(context.Background(), fakecluster.Root, src, dst, namespace.RenameOptions{Overwrite: true})
}

// operations are the calls that change the namespace. Those of HDFS's that are done
// at most once say what is done meanwhile; the others may be done again by nature.
var operations = []operation{
	{"create", func(_ *system, dir string) *call { return create(dir+"/f", 1) }, func(s *system, dir string) error {
		_, err := s.NS.Delete(context.Background(), fakecluster.Root, dir+"/f", false)
		return err
	}},
	{"overwrite", func(s *system, dir string) *call {
		s.Write(dir+"/f", 3, 100)
		return create(dir+"/f", 3)
	}, func(s *system, dir string) error { return rename(s, dir+"/f", dir+"/g") }},
	{"rename", func(s *system, dir string) *call {
		s.Write(dir+"/f", 3, 100)
		return &call{"rename", &hdfspb.RenameRequestProto{Src: p(dir + "/f"), Dst: p(dir + "/g")}, &hdfspb.RenameResponseProto{}}
	}, func(s *system, dir string) error { return rename(s, dir+"/g", dir+"/f") }},
	{"rename2", func(s *system, dir string) *call {
		s.Write(dir+"/f", 3, 100)
		s.Write(dir+"/g", 3, 100)
		return &call{"rename2", &hdfspb.Rename2RequestProto{Src: p(dir + "/f"), Dst: p(dir + "/g"), OverwriteDest: p(true)}, &hdfspb.Rename2ResponseProto{}}
	}, func(s *system, dir string) error { return rename(s, dir+"/g", dir+"/f") }},
	{"rename2 of a directory", func(s *system, dir string) *call {
		s.Write(dir+"/d/f", 3, 100)
		return &call{"rename2", &hdfspb.Rename2RequestProto{Src: p(dir + "/d"), Dst: p(dir + "/e"), OverwriteDest: p(false)}, &hdfspb.Rename2ResponseProto{}}
	}, func(s *system, dir string) error { return rename(s, dir+"/e", dir+"/d") }},
	{"delete", func(s *system, dir string) *call {
		s.Write(dir+"/f", 3, 100)
		return remove(dir+"/f", false)
	}, func(s *system, dir string) error {
		s.Write(dir+"/f", 3, 100)
		return nil
	}},
	{"delete of a tree", func(s *system, dir string) *call {
		s.Write(dir+"/d/f", 3, 100)
		return remove(dir+"/d", true)
	}, func(s *system, dir string) error {
		s.Write(dir+"/d/f", 3, 100)
		return nil
	}},
	{"append", func(s *system, dir string) *call {
		s.Write(dir+"/f", 3, 100)
		return &call{"append", &hdfspb.AppendRequestProto{Src: p(dir + "/f"), ClientName: p(writer), Flag: p(uint32(4))}, &hdfspb.AppendResponseProto{}}
	}, nil},
	{"append of a new block", func(s *system, dir string) *call {
		s.Write(dir+"/f", 3, 100)
		return &call{"append", &hdfspb.AppendRequestProto{Src: p(dir + "/f"), ClientName: p(writer), Flag: p(uint32(0x24))}, &hdfspb.AppendResponseProto{}}
	}, func(s *system, dir string) error { return rename(s, dir+"/f", dir+"/g") }},
	{"concat", func(s *system, dir string) *call {
		s.Write(dir+"/f", 3, 100)
		s.Write(dir+"/g", 3, 50)
		return &call{"concat", &hdfspb.ConcatRequestProto{Trg: p(dir + "/f"), Srcs: []string{dir + "/g"}}, &hdfspb.ConcatResponseProto{}}
	}, func(s *system, dir string) error {
		s.Write(dir+"/g", 3, 50)
		return nil
	}},
	{"updatePipeline", pipeline, nil},
	{"addBlock", func(s *system, dir string) *call {
		st := s.Create(dir+"/f", writer, 3)
		return add(dir+"/f", st.ID, nil)
	}, nil},
	{"addBlock behind another", func(s *system, dir string) *call {
		st, b := s.open(dir + "/f")
		return add(dir+"/f", st.ID, &b)
	}, nil},
	{"complete", func(s *system, dir string) *call {
		st, b := s.open(dir + "/f")
		return &call{"complete", &hdfspb.CompleteRequestProto{Src: p(dir + "/f"), ClientName: p(writer), Last: extended(b), FileId: p(uint64(st.ID))},
			&hdfspb.CompleteResponseProto{}}
	}, nil},
	{"abandonBlock", func(s *system, dir string) *call {
		st := s.Create(dir+"/f", writer, 3)
		b := blocks.IDOf(&s.AddBlock(dir+"/f", writer, st.ID, nil).Block)
		return &call{"abandonBlock", &hdfspb.AbandonBlockRequestProto{Src: p(dir + "/f"), Holder: p(writer), B: extended(b), FileId: p(uint64(st.ID))},
			&hdfspb.AbandonBlockResponseProto{}}
	}, nil},
	{"truncate", func(s *system, dir string) *call {
		s.Write(dir+"/f", 3, fakecluster.BlockSize, 100)
		return truncate(dir+"/f", fakecluster.BlockSize)
	}, nil},
	{"truncate within a block", func(s *system, dir string) *call {
		s.Write(dir+"/f", 3, fakecluster.BlockSize, 100)
		return truncate(dir+"/f", 10)
	}, nil},
	{"mkdirs", func(_ *system, dir string) *call {
		return &call{"mkdirs", &hdfspb.MkdirsRequestProto{Src: p(dir + "/a/b"), Masked: &hdfspb.FsPermissionProto{Perm: p(uint32(0o755))}, CreateParent: p(true)},
			&hdfspb.MkdirsResponseProto{}}
	}, nil},
	{"setReplication", func(s *system, dir string) *call {
		s.Write(dir+"/f", 3, 100)
		return &call{"setReplication", &hdfspb.SetReplicationRequestProto{Src: p(dir + "/f"), Replication: p(uint32(1))}, &hdfspb.SetReplicationResponseProto{}}
	}, nil},
	{"setPermission", func(_ *system, dir string) *call {
		return &call{"setPermission", &hdfspb.SetPermissionRequestProto{Src: &dir, Permission: &hdfspb.FsPermissionProto{Perm: p(uint32(0o700))}},
			&hdfspb.SetPermissionResponseProto{}}
	}, nil},
	{"setOwner", func(_ *system, dir string) *call {
		return &call{"setOwner", &hdfspb.SetOwnerRequestProto{Src: &dir, Username: p("alice")}, &hdfspb.SetOwnerResponseProto{}}
	}, nil},
	{"setTimes", func(_ *system, dir string) *call {
		return &call{"setTimes", &hdfspb.SetTimesRequestProto{Src: &dir, Mtime: p(uint64(5000)), Atime: p(uint64(6000))}, &hdfspb.SetTimesResponseProto{}}
	}, nil},
}

// pipeline is a call that takes a block to two of its three DataNodes.
func pipeline(s *system, dir string) *call {
	st := s.Create(dir+"/f", writer, 3)
	lb := s.AddBlock(dir+"/f", writer, st.ID, nil)
	old := s.Start(lb, 10)
	fresh, err := s.NS.UpdateBlockForPipeline(context.Background(), fakecluster.Root, writer, old)
	if err != nil {
		s.T.Fatal(err)
	}
	b := old
	b.GenerationStamp = fresh.GenerationStamp
	r := &hdfspb.UpdatePipelineRequestProto{ClientName: p(writer), OldBlock: extended(old), NewBlock: extended(b)}
	for _, t := range lb.Targets[:2] {
		d := t.Datanode
		r.NewNodes = append(r.NewNodes, &hdfspb.DatanodeIDProto{IpAddr: p(d.IP), HostName: p(d.Host), DatanodeUuid: p(d.UUID),
			XferPort: p(uint32(d.XferPort)), InfoPort: p(uint32(1)), IpcPort: p(uint32(d.IpcPort))})
		r.StorageIDs = append(r.StorageIDs, t.Storage.UUID)
	}
	return &call{"updatePipeline", r, &hdfspb.UpdatePipelineResponseProto{}}
}
