// Command withmariadb runs a command with a MariaDB server of its own beside it.
//
// The server has a fresh data folder and a free port, its URL is in the
// environment variable HOPSQL_TEST_MYSQL, and both are gone when the command
// has ended. The exit status is the command's.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/hopsql/hopsql/testkit/mariadb"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: withmariadb COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "withmariadb:", err)
		code = 1
	}
	os.Exit(code)
}

func run(command []string) (int, error) {
	dir, err := os.MkdirTemp("", "hopsql-withmariadb-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	server, err := mariadb.Open(filepath.Join(dir, "mariadb"))
	if err != nil {
		return 0, err
	}
	defer server.Kill()
	// The terminal sends its signals to the command as well: it ends first. They
	// are caught, not ignored, because the command would inherit the latter.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), mariadb.EnvURL+"="+server.ServerURL())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}
