package calls

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// names are the commands that make, move, remove and show names.
func names(c *call, w []string) (answer string, known bool, err error) {
	switch w[0] {
	case "mkdirs":
		masked, unmasked := modes(w[1])
		r := &hdfspb.MkdirsResponseProto{}
		err = c.send("mkdirs", &hdfspb.MkdirsRequestProto{Src: &w[2], Masked: masked, Unmasked: unmasked, CreateParent: proto.Bool(w[3] != "noparent")}, r)
		return fmt.Sprint(r.GetResult()), true, err
	case "create":
		answer, err = c.create(w)
		return answer, true, err
	case "delete":
		r := &hdfspb.DeleteResponseProto{}
		err = c.send("delete", &hdfspb.DeleteRequestProto{Src: &w[1], Recursive: proto.Bool(w[2] == "recursive")}, r)
		return fmt.Sprint(r.GetResult()), true, err
	case "rename":
		r := &hdfspb.RenameResponseProto{}
		err = c.send("rename", &hdfspb.RenameRequestProto{Src: &w[1], Dst: &w[2]}, r)
		return fmt.Sprint(r.GetResult()), true, err
	case "rename2":
		q := &hdfspb.Rename2RequestProto{Src: &w[1], Dst: &w[2], OverwriteDest: proto.Bool(w[3] == "overwrite")}
		if w[3] == "trash" {
			q.MoveToTrash = proto.Bool(true)
		}
		return "ok", true, c.send("rename2", q, &hdfspb.Rename2ResponseProto{})
	case "symlink":
		return "ok", true, c.send("createSymlink", &hdfspb.CreateSymlinkRequestProto{Target: &w[1], Link: &w[2], DirPerm: perm("755"),
			CreateParent: proto.Bool(true)}, &hdfspb.CreateSymlinkResponseProto{})
	}
	return show(c, w)
}

// show are the commands that read statuses.
func show(c *call, w []string) (answer string, known bool, err error) {
	switch w[0] {
	case "stat":
		r := &hdfspb.GetFileInfoResponseProto{}
		err = c.send("getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &w[1]}, r)
		return status(r.GetFs()), true, err
	case "lstat":
		r := &hdfspb.GetFileLinkInfoResponseProto{}
		err = c.send("getFileLinkInfo", &hdfspb.GetFileLinkInfoRequestProto{Src: &w[1]}, r)
		return status(r.GetFs()), true, err
	case "readlink":
		r := &hdfspb.GetLinkTargetResponseProto{}
		err = c.send("getLinkTarget", &hdfspb.GetLinkTargetRequestProto{Path: &w[1]}, r)
		return r.GetTargetPath(), true, err
	case "located":
		r := &hdfspb.GetLocatedFileInfoResponseProto{}
		err = c.send("getLocatedFileInfo", &hdfspb.GetLocatedFileInfoRequestProto{Src: &w[1]}, r)
		return status(r.GetFs()) + located(r.GetFs().GetLocations()), true, err
	case "ls":
		r := &hdfspb.GetListingResponseProto{}
		err = c.send("getListing", &hdfspb.GetListingRequestProto{Src: &w[1], StartAfter: []byte(w[3]), NeedLocation: proto.Bool(w[2] == "located")}, r)
		var out []string
		for _, st := range r.GetDirList().GetPartialListing() {
			out = append(out, string(st.GetPath())+" "+status(st)+located(st.GetLocations()))
		}
		answer = strings.Join(out, ", ")
		if r.DirList == nil {
			answer = "null"
		}
		return answer, true, err
	case "open":
		r := &hdfspb.GetBlockLocationsResponseProto{}
		from, length := uint64(0), uint64(1000)
		if w[2] != "" {
			from, length = number(w[2]), number(w[3])
		}
		err = c.send("getBlockLocations", &hdfspb.GetBlockLocationsRequestProto{Src: &w[1], Offset: &from, Length: &length}, r)
		return "ok" + located(r.GetLocations()), true, err
	case "isclosed":
		r := &hdfspb.IsFileClosedResponseProto{}
		err = c.send("isFileClosed", &hdfspb.IsFileClosedRequestProto{Src: &w[1]}, r)
		return fmt.Sprint(r.GetResult()), true, err
	case "blocksize":
		r := &hdfspb.GetPreferredBlockSizeResponseProto{}
		err = c.send("getPreferredBlockSize", &hdfspb.GetPreferredBlockSizeRequestProto{Filename: &w[1]}, r)
		return fmt.Sprint(r.GetBsize()), true, err
	}
	return "", false, nil
}

// create makes an empty file and closes it.
func (c *call) create(w []string) (string, error) {
	masked, unmasked := modes(w[1])
	flag := uint32(1)
	if w[3] == "overwrite" {
		flag = 3
	}
	r := &hdfspb.CreateResponseProto{}
	err := c.send("create", &hdfspb.CreateRequestProto{Src: &w[2], Masked: masked, Unmasked: unmasked, ClientName: proto.String("writer"),
		CreateFlag: &flag, CreateParent: proto.Bool(w[3] != "noparent"), Replication: proto.Uint32(1), BlockSize: proto.Uint64(1 << 20)}, r)
	if err != nil {
		return "", err
	}
	done := &hdfspb.CompleteResponseProto{}
	return status(r.GetFs()), c.send("complete", &hdfspb.CompleteRequestProto{Src: &w[2], ClientName: proto.String("writer"), FileId: r.GetFs().FileId}, done)
}

// located shows what is equal of the blocks of a file.
func located(l *hdfspb.LocatedBlocksProto) string {
	if l == nil {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, " [length=%d writing=%t", l.GetFileLength(), l.GetUnderConstruction())
	block := func(b *hdfspb.LocatedBlockProto) {
		fmt.Fprintf(&out, " %d+%d×%d", b.GetOffset(), b.GetB().GetNumBytes(), len(b.GetLocs()))
	}
	for _, b := range l.GetBlocks() {
		block(b)
	}
	if l.LastBlock != nil {
		fmt.Fprintf(&out, " last complete=%t", l.GetIsLastBlockComplete())
		block(l.LastBlock)
	}
	return out.String() + "]"
}
