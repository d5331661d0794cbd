package namespace_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

// All blocks are lost, more than a page of them.
func TestCorruptFiles(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	const many = 600
	var want []string
	for i := range many {
		name := fmt.Sprintf("/lost/%03d", i)
		if i%2 == 0 {
			name = fmt.Sprintf("/other/%03d", i)
		} else {
			want = append(want, name)
		}
		c.Write(name, 1+int64(i%60/59), 10)
	}
	listed := func(path string) (names []string) {
		t.Helper()
		for cookie := ""; ; {
			page, next, err := c.NS.ListCorruptFiles(bg, fakecluster.Root, path, cookie)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				slices.Sort(names)
				return names
			}
			for _, f := range page {
				names = append(names, f.Path)
			}
			cookie = next
		}
	}
	c.Live(10 * time.Second)
	if got := listed("/"); len(got) != 0 {
		t.Errorf("nothing is lost: %v", got)
	}
	c.DN[0].Down = true
	c.Live(15 * time.Minute)
	if got := listed("/lost/"); !slices.Equal(got, want) {
		t.Errorf("%d files below /lost, want %d", len(got), len(want))
	}
	if got := listed("/"); len(got) != many {
		t.Errorf("%d files, want %d", len(got), many)
	}
	if _, _, err := c.NS.ListCorruptFiles(bg, &namespace.Caller{User: "bob"}, "/", ""); err == nil {
		t.Error("bob is no superuser")
	}
}
