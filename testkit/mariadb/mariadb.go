// Package mariadb gives tests a real MariaDB server.
//
// It promises a server of its own (own data folder, own loopback port, own
// process) that commits durably, can be killed, paused and restarted, and is
// gone when the test is. A machine without mariadbd fails the test with the
// command that installs it. It knows nothing of what the databases hold.
package mariadb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/hopsql/hopsql/testkit/process"
)

// ErrMissing is returned when the machine has no MariaDB server.
var ErrMissing = errors.New("mariadbd is not installed: run `apt-get install mariadb-server` (scripts/test.sh does)")

// startPatience is how long a server may take until it answers.
const startPatience = 60 * time.Second

// Server is one MariaDB server, ours or a given one.
type Server struct {
	User     string
	Password string
	Host     string
	Port     int
	Socket   string // unix socket, "" for a given server

	dir     string // data folder, "" for a given server
	options []string
	proc    *process.Process
}

// Open makes a data folder under dir, which must be empty or missing, and
// starts a server on it, with further options for mariadbd. Stop ends it; the
// folder stays.
func Open(dir string, options ...string) (*Server, error) {
	port, err := process.OpenPort()
	if err != nil {
		return nil, err
	}
	s := &Server{
		User: "hopsql", Password: rand.Text(), Host: "127.0.0.1", Port: port,
		Socket: filepath.Join(dir, "sock"), dir: dir, options: options,
	}
	if err := s.install(); err != nil {
		return nil, err
	}
	if err := s.Restart(); err != nil {
		return nil, err
	}
	return s, nil
}

// Given describes a server that somebody else runs, by an URL such as
// mysql://root:secret@127.0.0.1:3306.
func Given(raw string) (*Server, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "mysql" || u.User == nil {
		return nil, fmt.Errorf("%s must look like mysql://user:password@host:port", EnvURL)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return nil, fmt.Errorf("%s has no port: it must look like mysql://user:password@host:port", EnvURL)
	}
	password, _ := u.User.Password()
	return &Server{User: u.User.Username(), Password: password, Host: u.Hostname(), Port: port}, nil
}

// install makes the system tables and the file with the account of the tests.
func (s *Server) install() error {
	if _, err := serverPath(); err != nil {
		return err
	}
	tool, err := firstOf("mariadb-install-db", "mysql_install_db")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.temporary(), 0o700); err != nil {
		return err
	}
	args := []string{"--no-defaults", "--datadir=" + s.data(), "--tmpdir=" + s.temporary(), "--skip-test-db", "--auth-root-authentication-method=normal", "--skip-name-resolve", "--innodb-log-file-size=48M"}
	out, err := exec.Command(tool, append(args, asRoot()...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(tool), err, out)
	}
	account := fmt.Sprintf("CREATE USER IF NOT EXISTS '%[1]s'@'%%' IDENTIFIED BY '%[2]s';\nGRANT ALL PRIVILEGES ON *.* TO '%[1]s'@'%%' WITH GRANT OPTION;\n", s.User, s.Password)
	return os.WriteFile(s.accounts(), []byte(account), 0o600)
}

func (s *Server) data() string     { return filepath.Join(s.dir, "data") }
func (s *Server) accounts() string { return filepath.Join(s.dir, "accounts.sql") }

// temporary is the server's own folder for temporary tables: when it starts, a server
// removes those that it finds, also of another that runs.
func (s *Server) temporary() string { return filepath.Join(s.dir, "tmp") }

// Restart starts the server again on the same data and the same port after
// Stop or Kill, and returns when it answers.
func (s *Server) Restart() error {
	if s.dir == "" {
		return errors.New("this MariaDB server was given to the tests and is not theirs to start")
	}
	path, err := serverPath()
	if err != nil {
		return err
	}
	args := []string{path, "--no-defaults",
		"--datadir=" + s.data(), "--tmpdir=" + s.temporary(), "--socket=" + s.Socket, "--pid-file=" + filepath.Join(s.dir, "pid"),
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(s.Port), "--skip-name-resolve",
		"--init-file=" + s.accounts(), "--skip-log-bin",
		"--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=48M",
		"--max-connections=200", "--max-allowed-packet=64M",
		"--character-set-server=utf8mb4",
	}
	args = append(append(args, asRoot()...), s.options...)
	s.proc, err = process.Start(process.Spec{Name: "mariadbd", Args: args, Log: filepath.Join(s.dir, "log")})
	if err != nil {
		return err
	}
	return s.waitUntilUp()
}

func (s *Server) waitUntilUp() error {
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		if s.proc.Ended() {
			return fmt.Errorf("mariadbd ended at its start; its output:\n%s", s.proc.Tail())
		}
		if ctx.Err() != nil {
			s.proc.Kill()
			return fmt.Errorf("mariadbd did not answer within %v: %w; its output:\n%s", startPatience, err, s.proc.Tail())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// PID is the process id of a server of ours, 0 for a given one.
func (s *Server) PID() int {
	if s.proc == nil {
		return 0
	}
	return s.proc.PID()
}

// Stop shuts the server down in order and waits for it.
func (s *Server) Stop() error {
	if s.proc == nil {
		return nil
	}
	return s.proc.Stop(startPatience)
}

// Kill ends the server with SIGKILL, as a power failure of its process.
func (s *Server) Kill() { s.proc.Kill() }

// Pause stops the server where it is: connections stay open and silent.
func (s *Server) Pause() { s.proc.Pause() }

// Continue undoes Pause.
func (s *Server) Continue() { s.proc.Continue() }

// DSN is how go-sql-driver/mysql names a database of this server; params such
// as "parseTime=true" are added.
func (s *Server) DSN(database string, params ...string) string {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.DBName = s.User, s.Password, "tcp", database
	c.Addr = net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	dsn := c.FormatDSN()
	if len(params) == 0 {
		return dsn
	}
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	return dsn + sep + strings.Join(params, "&")
}

// ServerURL is what EnvURL holds for this server.
func (s *Server) ServerURL() string {
	u := url.URL{Scheme: "mysql", User: url.UserPassword(s.User, s.Password), Host: net.JoinHostPort(s.Host, strconv.Itoa(s.Port))}
	return u.String()
}

// URL is the value of dfs.storage.driver.url for a database of this server.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme: "mysql", User: url.UserPassword(s.User, s.Password),
		Host: net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), Path: "/" + database, RawQuery: "engine=innodb",
	}
	return u.String()
}

// CreateDatabase makes an empty database.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	return s.exec(ctx, "CREATE DATABASE `"+name+"`")
}

// DropDatabase removes a database with all that is in it.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	return s.exec(ctx, "DROP DATABASE IF EXISTS `"+name+"`")
}

// Questions is how many statements the server has got from all clients.
func (s *Server) Questions(ctx context.Context) (n int64, err error) {
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		return 0, err
	}
	defer db.Close()
	var name string
	err = db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Questions'").Scan(&name, &n)
	return n, err
}

func (s *Server) exec(ctx context.Context, statement string) error {
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// serverPath looks for the server also where Debian puts it and where an
// ordinary user's PATH does not lead.
func serverPath() (string, error) {
	return firstOf("mariadbd", "/usr/sbin/mariadbd", "mysqld", "/usr/sbin/mysqld")
}

func firstOf(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrMissing
}

// asRoot lets root run the server, which mariadbd refuses unless told.
func asRoot() []string {
	if os.Geteuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}
