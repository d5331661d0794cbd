package namenode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/namenode/rpc"
	"github.com/hopsql/hopsql/schema"
)

// listen opens the port of an endpoint. Its public address gets the port that was
// chosen, if it was 0.
func (e *endpoint) open() (net.Listener, error) {
	l, err := net.Listen("tcp", e.listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is in use by another process: stop it, or choose another port", e.key, e.listen)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s: %s is no address of this machine; the bind-host key says where to listen instead", e.key, e.listen)
	case err != nil:
		return nil, fmt.Errorf("%s: cannot listen on %s: %w", e.key, e.listen, err)
	}
	host, port, err := net.SplitHostPort(e.public)
	if err == nil && port == "0" {
		_, port, _ = net.SplitHostPort(l.Addr().String())
		e.public = net.JoinHostPort(host, port)
	}
	return l, nil
}

// patience is how often a store that cannot be reached is tried again.
const patience = time.Second

// persist runs f until the store can be reached. It says so once when it cannot,
// and again every half minute.
func persist(ctx context.Context, log *slog.Logger, f func() error) error {
	var said time.Time
	waited := false
	for {
		err := f()
		if !dal.Is(err, dal.Unavailable) {
			if waited && err == nil {
				log.Info("the metadata store can be reached again")
			}
			return err
		}
		if time.Since(said) > 30*time.Second {
			log.Warn("the metadata store cannot be reached; waiting for it", "err", conf.RedactText(err.Error()))
			said = time.Now()
		}
		waited = true
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(patience):
		}
	}
}

// Commands that help out of a bad state of the store.
const (
	helpFormat  = "format it with: hdfs namenode -format"
	helpUpgrade = "upgrade it with: hdfs namenode -upgrade"
)

// A notReady is a store that a NameNode cannot serve from. Its text names the
// command that helps.
type notReady string

func (e notReady) Error() string { return string(e) }

// checkSchema returns an error unless the tables are those of this program.
func checkSchema(ctx context.Context, store dal.Store) error {
	version, dirty, err := store.Admin().Version(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read the schema version: %w", err)
	case version == 0 && !dirty:
		return notReady("the metadata store is empty: " + helpFormat)
	case dirty:
		return notReady(fmt.Sprintf("a migration of the metadata store to schema version %d broke off in its middle: %s", version, helpUpgrade))
	case version > schema.Version:
		return notReady(fmt.Sprintf("the metadata store has schema version %d, this program knows only %d: start the newer program that upgraded it", version, schema.Version))
	case version < schema.Version:
		return notReady(fmt.Sprintf("the metadata store has schema version %d, this program needs %d: %s", version, schema.Version, helpUpgrade))
	}
	return nil
}

// variables reads the shared state by name.
func variables(ctx context.Context, store dal.Store) (map[string]schema.Variable, error) {
	got, err := store.Read(ctx, []dal.Fetch{{Table: schema.Variables, Scan: &dal.Scan{Limit: 1000}}})
	if err != nil {
		return nil, fmt.Errorf("read the identity of the file system: %w", err)
	}
	all := map[string]schema.Variable{}
	for _, r := range got[0].Rows {
		v := schema.VariableOf(r)
		all[v.Name] = v
	}
	return all, nil
}

// identify checks that the store holds a formatted file system and returns which.
func identify(ctx context.Context, store dal.Store) (rpc.Identity, error) {
	if err := checkSchema(ctx, store); err != nil {
		return rpc.Identity{}, err
	}
	v, err := variables(ctx, store)
	if err != nil {
		return rpc.Identity{}, err
	}
	if v[schema.VarFormatted].Value != 1 {
		return rpc.Identity{}, notReady("NameNode is not formatted: the metadata store has no file system, or a format of it broke off: " + helpFormat)
	}
	id := rpc.Identity{NamespaceID: v[schema.VarNamespaceID].Value, ClusterID: v[schema.VarClusterID].Text,
		BlockPoolID: v[schema.VarBlockPoolID].Text, CTime: v[schema.VarCTime].Value}
	if id.ClusterID == "" || id.BlockPoolID == "" || id.NamespaceID == 0 {
		return id, notReady("the table variables lacks the identity of the file system: restore it from a backup, or " + helpFormat)
	}
	return id, nil
}
