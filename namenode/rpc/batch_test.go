package rpc_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// TestBatchedListing lists several directories, whose pages have five entries here, and a
// path that is not there.
func TestBatchedListing(t *testing.T) {
	s := start(t, nil)
	u := s.as("hdfs")
	want := map[string]string{}
	for i, n := range []int{3, 12, 0} {
		u.mkdirs(fmt.Sprintf("/d%d", i))
		for k := range n {
			u.mkdirs(fmt.Sprintf("/d%d/n%02d", i, k))
		}
	}
	u.mkdirs("/secret")
	ok[hdfspb.SetPermissionResponseProto](u, "setPermission", &hdfspb.SetPermissionRequestProto{Src: proto.String("/secret"), Permission: perm(0o700)})
	for i, n := range []int{3, 12} {
		for k := range n {
			want[fmt.Sprint(i)] += fmt.Sprintf("n%02d ", k)
		}
	}
	paths := []string{"/d0", "/d1", "/nope", "/d2", "/secret"}
	got, pages := map[string]string{}, 0
	for token := []byte(nil); ; pages++ {
		r := ok[hdfspb.GetBatchedListingResponseProto](s.as("bob"), "getBatchedListing",
			&hdfspb.GetBatchedListingRequestProto{Paths: paths, StartAfter: append([]byte{}, token...), NeedLocation: proto.Bool(false)})
		for _, l := range r.GetListings() {
			at := fmt.Sprint(l.GetParentIdx())
			for _, e := range l.GetPartialListing() {
				got[at] += string(e.GetPath()) + " "
			}
			if x := l.GetException(); x != nil {
				got[at] = x.GetClassName()[strings.LastIndex(x.GetClassName(), ".")+1:] + ": " + x.GetMessage()
			}
		}
		if token = r.GetStartAfter(); !r.GetHasMore() {
			break
		}
	}
	want["2"] = "FileNotFoundException: Path /nope does not exist"
	want["4"] = `AccessControlException: Permission denied: user=bob, access=READ_EXECUTE, inode="/secret":hdfs:supergroup:drwx------`
	if fmt.Sprint(got) != fmt.Sprint(want) || pages != 2 {
		t.Errorf("after %d further pages %q, want %q", pages, got, want)
	}
	_, err := call[hdfspb.GetBatchedListingResponseProto](u, "getBatchedListing",
		&hdfspb.GetBatchedListingRequestProto{Paths: make([]string, 101), StartAfter: []byte{}, NeedLocation: proto.Bool(false)})
	refused(t, err, "java.lang.IllegalArgumentException", "Too many source paths (101 > 100)")
	_, err = call[hdfspb.GetBatchedListingResponseProto](u, "getBatchedListing",
		&hdfspb.GetBatchedListingRequestProto{Paths: paths, StartAfter: []byte("elsewhere"), NeedLocation: proto.Bool(false)})
	refused(t, err, "java.lang.IllegalArgumentException", "not of one of these paths")
}
