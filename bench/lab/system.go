package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hopsql/hopsql/bench"
	"github.com/hopsql/hopsql/bench/figures"
	"github.com/hopsql/hopsql/testkit/hadoop"
	"github.com/hopsql/hopsql/testkit/mariadb"
	"github.com/hopsql/hopsql/testkit/process"
)

// The systems that are compared.
const (
	Apache  = "Apache"
	MariaDB = "MariaDB"
	SQLite  = "SQLite"
)

const startPatience = 60 * time.Second

// A System is a running NameNode, or several on one database.
type System struct {
	Name      string
	Addresses []string           // host:port of the RPC of each NameNode
	NameNodes []*process.Process // those of figures.NameNode
	Database  int                // process id of figures.Database, 0 for none
}

// Address is the first NameNode's.
func (s *System) Address() string { return s.Addresses[0] }

// Alive is an error with the last words of a NameNode that has ended.
func (s *System) Alive() error {
	for _, nn := range s.NameNodes {
		if nn.Ended() {
			return fmt.Errorf("the NameNode of %s ended; its output:\n%s", s.Name, nn.Tail())
		}
	}
	return nil
}

// StartApache starts Apache's NameNode with 32 handlers and a heap of 2 GB.
func (l *Lab) StartApache(ctx context.Context) (*System, error) {
	nn, err := hadoop.OpenNameNode(ctx, filepath.Join(l.Dir, "apache"), nil)
	if err != nil {
		return nil, err
	}
	l.OnClose(nn.Kill)
	return &System{
		Name: Apache, Addresses: []string{nn.Address}, NameNodes: []*process.Process{nn.Process},
	}, nil
}

// StartSQLite formats and starts our NameNode on a SQLite file.
func (l *Lab) StartSQLite(ctx context.Context) (*System, error) {
	return l.startOurs(ctx, SQLite, "sqlite://"+filepath.Join(l.Dir, "sqlite", "namespace.db"))
}

// StartMariaDB formats and starts our NameNode on a database of its own.
func (l *Lab) StartMariaDB(ctx context.Context, server *mariadb.Server) (*System, error) {
	if err := server.CreateDatabase(ctx, "versus"); err != nil {
		return nil, err
	}
	s, err := l.startOurs(ctx, MariaDB, server.URL("versus"))
	if err == nil {
		s.Database = server.PID()
	}
	return s, err
}

func (l *Lab) startOurs(ctx context.Context, name, storeURL string) (*System, error) {
	if err := l.Format(ctx, name, storeURL); err != nil {
		return nil, err
	}
	return l.StartNameNodes(ctx, name, storeURL, 1)
}

// settings are the keys of our NameNodes; addresses are those of one of them.
func (l *Lab) settings(name, storeURL string) (props map[string]string, address string, err error) {
	rpcPort, err := process.OpenPort()
	if err != nil {
		return nil, "", err
	}
	webPort, err := process.OpenPort()
	if err != nil {
		return nil, "", err
	}
	address = fmt.Sprintf("127.0.0.1:%d", rpcPort)
	return map[string]string{
		"fs.defaultFS":                                         "hdfs://" + address,
		"hadoop.tmp.dir":                                       filepath.Join(l.Dir, name+"-tmp"),
		"dfs.storage.driver.url":                               storeURL,
		"dfs.namenode.rpc-address":                             address,
		"dfs.namenode.http-address":                            fmt.Sprintf("127.0.0.1:%d", webPort),
		"dfs.replication":                                      "1",
		"dfs.namenode.safemode.extension":                      "0",
		"hopsql.memory.limit":                                  "400m", // Apache's NameNode has a heap of 2 GB
		"dfs.namenode.fs-limits.min-block-size":                "0",
		"dfs.namenode.fs-limits.max-directory-items":           "6400000", // that of a million entries gets more
		"dfs.namenode.safemode.threshold-pct":                  "0",       // DataNodes of files made in bulk never come
		"dfs.namenode.datanode.registration.ip-hostname-check": "false",
	}, address, nil
}

// Format makes a store an empty file system.
func (l *Lab) Format(ctx context.Context, name, storeURL string) error {
	props, _, err := l.settings(name, storeURL)
	if err != nil {
		return err
	}
	if file, ok := strings.CutPrefix(storeURL, "sqlite://"); ok {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
	}
	conf := filepath.Join(l.Dir, "conf-format-"+name)
	if err := hadoop.SaveConf(conf, props); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, l.HDFS, "namenode", "-format", "-force", "-nonInteractive")
	cmd.Env = append(os.Environ(), environment(conf)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("format %s: %w\n%s", name, err, out)
	}
	return nil
}

func environment(conf string) []string { return []string{"HADOOP_CONF_DIR=" + conf, "HADOOP_HOME="} }

// StartNameNodes starts so many of our NameNodes on a formatted store and returns
// when all are up.
func (l *Lab) StartNameNodes(ctx context.Context, name, storeURL string, many int) (*System, error) {
	s := &System{Name: name}
	for i := range many {
		one := fmt.Sprintf("%s-%d", name, i+1)
		props, address, err := l.settings(one, storeURL)
		if err != nil {
			return nil, err
		}
		conf := filepath.Join(l.Dir, "conf-"+one)
		if err := hadoop.SaveConf(conf, props); err != nil {
			return nil, err
		}
		p, err := l.start(one, environment(conf), l.HDFS, "namenode")
		if err != nil {
			return nil, err
		}
		s.NameNodes = append(s.NameNodes, p)
		s.Addresses = append(s.Addresses, address)
		wait, cancel := context.WithTimeout(ctx, startPatience)
		_, err = p.WaitFor(wait, "NameNode up:")
		cancel()
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Stop ends the NameNodes of a system, not its database.
func (s *System) Stop() error {
	for _, nn := range s.NameNodes {
		if err := nn.Stop(startPatience); err != nil {
			return err
		}
	}
	return nil
}

// Settle waits until the processes of a system have had almost nothing to do for more
// than a second, in which our NameNode looks for what was removed and still has rows;
// after a short measurement for ten times its length. It does not wait for ever.
func (s *System) Settle(ctx context.Context, length time.Duration) error {
	const most = 2 * time.Minute
	look := min(10*length, 1200*time.Millisecond)
	quiet := look / 20
	for began := time.Now(); time.Since(began) < most; {
		before, err := s.used()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
		after, err := s.used()
		if err != nil {
			return err
		}
		if after-before <= quiet {
			break
		}
	}
	return s.Alive()
}

// processes are those whose CPU counts; several NameNodes have one name.
func (s *System) processes() []bench.Process {
	var list []bench.Process
	for _, nn := range s.NameNodes {
		list = append(list, bench.Process{Name: figures.NameNode, PID: nn.PID()})
	}
	if s.Database != 0 {
		list = append(list, bench.Process{Name: figures.Database, PID: s.Database})
	}
	return list
}

// used is the CPU of all processes of the system so far.
func (s *System) used() (sum time.Duration, err error) {
	for _, p := range s.processes() {
		cpu, err := bench.CPUTime(p.PID)
		if err != nil {
			return 0, fmt.Errorf("%s of %s: %w", p.Name, s.Name, err)
		}
		sum += cpu
	}
	return sum, nil
}
