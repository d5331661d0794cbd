package namenode

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/namenode/election"
	"github.com/hopsql/hopsql/schema"
)

// FormatOptions say how to format.
type FormatOptions struct {
	ClusterID      string // "" makes one
	Force          bool   // no question, and no look at running NameNodes
	NonInteractive bool   // what would be asked is answered with no
	In             io.Reader
	Out            io.Writer // questions and refusals
	Logger         *slog.Logger
}

// ErrAborted: the operator, or -nonInteractive, said no. The reason was printed.
var ErrAborted = errors.New("format aborted")

// NewClusterID makes a cluster id.
func NewClusterID() string { return "CID-" + uuid.NewString() }

// Format makes an empty file system in the configured store: tables if there are
// none, then all rows away, then the defaults. It refuses while a NameNode is alive
// and asks before it removes a file system. A format that broke off leaves a store
// that no NameNode starts on, and can be run again.
func Format(ctx context.Context, c *conf.Config, opt FormatOptions) error {
	if allowed, err := c.Bool("dfs.namenode.support.allow.format", true); err != nil || !allowed {
		return errors.Join(err, refusal(!allowed, "dfs.namenode.support.allow.format is false for this file system, so it cannot be formatted: set it to true first"))
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := permitted(ctx, c, store, &opt, "Re-format"); err != nil {
		return err
	}
	return formatStore(ctx, store, c, &opt)
}

// Drop removes all tables and makes them anew, which is much faster than emptying
// large ones. It asks as Format does. A format must follow.
func Drop(ctx context.Context, c *conf.Config, opt FormatOptions) error {
	store, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := permitted(ctx, c, store, &opt, "Drop and create"); err != nil {
		return err
	}
	if err := store.Admin().Drop(ctx); err != nil {
		return fmt.Errorf("drop the tables: %w", err)
	}
	if err := store.Admin().Migrate(ctx); err != nil {
		return fmt.Errorf("create the tables: %w", err)
	}
	return nil
}

// Upgrade brings the tables to this program's version. It refuses while a NameNode
// is alive, unless force.
func Upgrade(ctx context.Context, c *conf.Config, force bool) (from, to uint, err error) {
	store, err := openStore(ctx, c)
	if err != nil {
		return 0, 0, err
	}
	defer store.Close()
	from, dirty, err := store.Admin().Version(ctx)
	switch {
	case err != nil:
		return 0, 0, err
	case from == 0 && !dirty:
		return 0, 0, notReady("the metadata store is empty: " + helpFormat)
	case from > schema.Version:
		return from, from, notReady(fmt.Sprintf("the metadata store has schema version %d, this program knows only %d", from, schema.Version))
	}
	if !force && !dirty {
		if err := nobodyAlive(ctx, c, store); err != nil {
			return from, from, err
		}
	}
	if err := store.Admin().Migrate(ctx); err != nil {
		return from, from, fmt.Errorf("upgrade the tables: %w", err)
	}
	return from, schema.Version, nil
}

// StoreVersion returns the schema version in the store; 0 if it is empty.
func StoreVersion(ctx context.Context, c *conf.Config) (uint, error) {
	store, err := openStore(ctx, c)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	version, _, err := store.Admin().Version(ctx)
	return version, err
}

func refusal(when bool, text string) error {
	if !when {
		return nil
	}
	return errors.New(text)
}

// permitted returns an error unless what is in the store may be thrown away.
func permitted(ctx context.Context, c *conf.Config, store dal.Store, opt *FormatOptions, what string) error {
	version, dirty, err := store.Admin().Version(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version: %w", err)
	}
	if version > schema.Version {
		return notReady(fmt.Sprintf("the metadata store has schema version %d, this program knows only %d: use the newer program", version, schema.Version))
	}
	if version == 0 || dirty {
		return nil // no table that could be trusted, and no NameNode that could have started
	}
	vars, err := variables(ctx, store)
	if err != nil {
		return err
	}
	if !opt.Force {
		if err := nobodyAlive(ctx, c, store); err != nil {
			return err
		}
	}
	if vars[schema.VarFormatted].Value != 1 {
		return nil
	}
	if disabled, err := c.Bool("dfs.reformat.disabled", false); err != nil || disabled {
		return errors.Join(err, refusal(disabled, "dfs.reformat.disabled is true and the store holds a file system, so it is not formatted: set it to false first"))
	}
	return ask(opt, what, storeName(c, store))
}

// ask gets the operator's word.
func ask(opt *FormatOptions, what, where string) error {
	switch {
	case opt.Force:
		return nil
	case opt.NonInteractive:
		fmt.Fprintf(opt.Out, "Running in non-interactive mode, and data appears to exist in %s. Not formatting.\n", where)
		return ErrAborted
	}
	in := bufio.NewReader(opt.In)
	for {
		fmt.Fprintf(opt.Out, "%s filesystem in %s ? (Y or N) ", what, where)
		line, err := in.ReadString('\n')
		switch strings.ToUpper(strings.TrimSpace(line)) {
		case "Y":
			return nil
		case "N":
		case "":
			if err == nil {
				continue // a bare return is no answer
			}
			fmt.Fprintln(opt.Out)
		default:
			fmt.Fprintf(opt.Out, "Invalid input: %s\n", strings.TrimSpace(line))
		}
		fmt.Fprintf(opt.Out, "Format aborted in %s\n", where)
		return ErrAborted
	}
}

// nobodyAlive returns an error if a heartbeat moves.
func nobodyAlive(ctx context.Context, c *conf.Config, store dal.Store) error {
	r := &reader{c: c}
	interval, missed := r.interval(keyInterval, 2*time.Second, time.Millisecond), r.missed()
	if r.err != nil {
		return r.err
	}
	alive, err := election.Alive(ctx, store, interval, missed)
	if err != nil {
		return fmt.Errorf("look for running NameNodes: %w", err)
	}
	if len(alive) > 0 {
		return fmt.Errorf("a NameNode is running at %s: stop it first, or use -force", alive[0].RPCAddress)
	}
	return nil
}

// formatStore empties the store and writes the defaults. The mark that it is
// formatted goes first and comes back last.
func formatStore(ctx context.Context, store dal.Store, c *conf.Config, opt *FormatOptions) error {
	if err := store.Admin().Migrate(ctx); err != nil {
		return fmt.Errorf("create the tables: %w", err)
	}
	unmark := []dal.Change{{Op: dal.Delete, Table: schema.Variables, Key: schema.KeyOf(schema.Str(schema.VarFormatted))}}
	if err := commit(ctx, store, unmark); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	if err := store.Admin().Truncate(ctx); err != nil {
		return fmt.Errorf("empty the tables: %w", err)
	}
	r := &reader{c: c}
	set := r.namespace()
	if r.err != nil {
		return r.err
	}
	id, rows, err := defaults(store.Traits(), opt.ClusterID, set.Owner, set.SuperGroup, time.Now())
	if err != nil {
		return err
	}
	if opt.Logger != nil {
		opt.Logger.Info("Allocated new BlockPoolId: " + id)
	}
	if err := commit(ctx, store, rows); err != nil {
		return fmt.Errorf("write the defaults: %w", err)
	}
	mark := schema.Variable{Name: schema.VarFormatted, Value: 1}
	if err := commit(ctx, store, []dal.Change{put(schema.Variables, mark.Row())}); err != nil {
		return fmt.Errorf("mark the file system as formatted: %w", err)
	}
	if opt.Logger != nil {
		opt.Logger.Info(storeName(c, store) + " has been successfully formatted.")
	}
	return nil
}

// commit writes rows in one transaction, however often that takes.
func commit(ctx context.Context, store dal.Store, changes []dal.Change) error {
	for try := 0; ; try++ {
		err := commitOnce(ctx, store, changes)
		// All changes here can be made twice.
		if (dal.Is(err, dal.Conflict) || dal.Is(err, dal.UnknownOutcome)) && try < 20 {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		return err
	}
}

func commitOnce(ctx context.Context, store dal.Store, changes []dal.Change) error {
	tx, err := store.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return tx.Commit(ctx, changes)
}

func put(t *schema.Table, row schema.Row) dal.Change {
	return dal.Change{Op: dal.Put, Table: t, Key: t.Key(row), Row: row}
}

// guardRows is how many guard rows a store that needs them gets: more than any
// engine has lanes.
const guardRows = 129

// defaults are the rows of an empty file system, all but the mark, in lock order.
func defaults(traits dal.Traits, cluster, owner, group string, now time.Time) (pool string, rows []dal.Change, err error) {
	if cluster == "" {
		cluster = NewClusterID()
	}
	namespaceID, err := random31()
	if err != nil {
		return "", nil, err
	}
	poolRandom, err := random31()
	if err != nil {
		return "", nil, err
	}
	pool = fmt.Sprintf("BP-%d-%s-%d", poolRandom, ownAddress(), now.UnixMilli())
	if traits.Guards {
		for i := range int64(guardRows) {
			rows = append(rows, put(schema.Guards, (&schema.Guard{ID: i}).Row()))
		}
	}
	root := schema.Inode{PartitionID: schema.PartitionOf(schema.RootParentID), ParentID: schema.RootParentID,
		ID: schema.RootID, Kind: schema.KindDirectory, UserName: owner, GroupName: group, Mode: 0o755}
	// HDFS's root has a quota that nobody reaches; `hdfs dfs -count -q /` shows it.
	dir := schema.Directory{ID: schema.RootID, MTime: now.UnixMilli(), NSQuota: math.MaxInt64, DSQuota: -1}
	rows = append(rows, put(schema.Inodes, root.Row()), put(schema.Directories, dir.Row()))
	for _, v := range []schema.Variable{
		{Name: schema.VarNamespaceID, Value: namespaceID},
		{Name: schema.VarClusterID, Text: cluster},
		{Name: schema.VarBlockPoolID, Text: pool},
		{Name: schema.VarCTime, Value: now.UnixMilli()},
		{Name: schema.VarNextInodeID, Value: schema.FirstInodeID},
		{Name: schema.VarNextBlockID, Value: schema.FirstBlockID},
		{Name: schema.VarNextStorageID, Value: 1},
		{Name: schema.VarNextNodeID, Value: 1},
		{Name: schema.VarEpoch, Value: 0},
		{Name: schema.VarSafeMode, Value: 0},
	} {
		rows = append(rows, put(schema.Variables, v.Row()))
	}
	return pool, rows, nil
}

// random31 is a positive number of 31 bits.
func random31() (int64, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(math.MaxInt32))
	if err != nil {
		return 0, err
	}
	return n.Int64() + 1, nil
}

// ownAddress is an IPv4 address of this machine, for the name of the block pool,
// which must have one.
func ownAddress() string {
	addrs, err := net.InterfaceAddrs()
	if err == nil {
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
				return n.IP.String()
			}
		}
	}
	return "127.0.0.1"
}
