package linearizable

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
)

// A client sends the calls of a history to one NameNode. The paths of a history are
// those below dir.
type client struct {
	ns   *namespace.Namespace
	dir  string
	name string // of its leases
}

// send makes the call. The error is one that no rule of the namespace explains.
func (cl *client) send(ctx context.Context, c call) (answer, error) {
	a, err := cl.try(ctx, &namespace.Caller{User: c.user, Host: "10.9.9.9"}, c)
	var f *fault.Error
	switch {
	case err == nil:
		return a, nil
	case errors.As(err, &f):
		return answer{outcome: string(f.Kind)}, nil
	}
	return answer{}, fmt.Errorf("%v: %w", c, err)
}

func (cl *client) try(ctx context.Context, who *namespace.Caller, c call) (answer, error) {
	path, dst, mode := cmp.Or(cl.dir+c.path, "/"), cl.dir+c.dst, int64(c.mode)
	switch c.op {
	case "stat":
		st, err := cl.ns.GetFileInfo(ctx, who, path, false)
		if err != nil || st == nil {
			return answer{outcome: absent}, err
		}
		return answer{text: status(st)}, nil
	case "ls":
		return cl.list(ctx, who, path)
	case "open":
		_, err := cl.ns.GetBlockLocations(ctx, who, path, 0, 1)
		return answer{}, err
	case "mkdirs":
		return answer{}, cl.ns.Mkdirs(ctx, who, path, mode, true)
	case "create":
		r := namespace.CreateRequest{Src: path, Mode: mode, ClientName: cl.name, Flags: namespace.FlagCreate,
			CreateParent: c.parents, Replication: 1, BlockSize: 1 << 20}
		if c.force {
			r.Flags |= namespace.FlagOverwrite
		}
		st, err := cl.ns.Create(ctx, who, r)
		if err != nil {
			return answer{}, err
		}
		return answer{id: st.ID}, nil
	case "rm":
		return yes(cl.ns.Delete(ctx, who, path, c.force))
	case "mv":
		return yes(cl.ns.Rename(ctx, who, path, dst))
	case "move":
		return answer{}, cl.ns.Rename2(ctx, who, path, dst, namespace.RenameOptions{Overwrite: c.force})
	case "chmod":
		return answer{}, cl.ns.SetPermission(ctx, who, path, mode)
	case "chown":
		return answer{}, cl.ns.SetOwner(ctx, who, path, c.owner, "")
	}
	panic("no such call: " + c.op)
}

func yes(done bool, err error) (answer, error) {
	if !done {
		return answer{outcome: no}, err
	}
	return answer{}, err
}

func (cl *client) list(ctx context.Context, who *namespace.Caller, path string) (answer, error) {
	page, err := cl.ns.GetListing(ctx, who, path, "", false)
	if err != nil || page == nil {
		return answer{outcome: absent}, err
	}
	var b strings.Builder
	for i := range page.Entries {
		if name := page.Entries[i].Path; name != "" {
			fmt.Fprintf(&b, "[%s %s]", name, status(&page.Entries[i]))
		} else {
			fmt.Fprintf(&b, "[%s]", status(&page.Entries[i]))
		}
	}
	return answer{text: b.String()}, nil
}

// status is a FileStatus as the model shows it.
func status(st *namespace.FileStatus) string {
	n := node{dir: st.IsDir(), mode: int(st.Mode), owner: st.UserName, id: st.ID}
	if n.dir {
		return fmt.Sprintf("%s %d children", n, st.ChildrenNum)
	}
	return n.String()
}

// pick chooses the next call of a client. Few names and few levels make the calls
// of all clients meet.
func pick(rng *rand.Rand) call {
	c := call{user: []string{superuser, "alice", "alice", "bob"}[rng.IntN(4)], path: somewhere(rng)}
	modes := []int{0o777, 0o777, 0o755, 0o700, 0o555, 0o711, 0}
	switch n := rng.IntN(100); {
	case n < 12:
		c.op, c.mode = "mkdirs", modes[rng.IntN(3)]
	case n < 30:
		c.op, c.mode, c.force, c.parents = "create", 0o644, rng.IntN(3) == 0, rng.IntN(3) == 0
	case n < 40:
		c.op = "rm"
		// Somebody else's recursive rm looks at the rights below in steps of its own.
		c.force = c.user == superuser && rng.IntN(2) == 0
	case n < 50:
		c.op, c.dst = "mv", somewhere(rng)
	case n < 62:
		c.op, c.dst, c.force = "move", somewhere(rng), rng.IntN(3) > 0
	case n < 70:
		c.op, c.user, c.mode = "chmod", superuser, modes[rng.IntN(len(modes))]
		if rng.IntN(4) == 0 {
			c.path = top
		}
	case n < 74:
		c.op, c.user, c.owner = "chown", superuser, []string{"alice", "bob"}[rng.IntN(2)]
	case n < 84:
		c.op = "stat"
	case n < 95:
		c.op = "ls"
		if rng.IntN(3) == 0 {
			c.path = top
		}
	default:
		c.op = "open"
	}
	return c
}

func somewhere(rng *rand.Rand) string {
	var b strings.Builder
	for range 1 + rng.IntN(3) {
		b.WriteString([]string{"/a", "/a", "/b"}[rng.IntN(3)])
	}
	return b.String()
}
