package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Servers of tests listen below the range from which Linux takes the ports of
// outgoing connections (32768 and up). Inside it a client that knocks at a
// server being restarted can be given the server's port as its own, and even
// connect to itself.
const (
	firstPort = 11000
	lastPort  = 31999
)

var (
	portsMu  sync.Mutex
	portsOut = map[int]bool{} // ports handed out by this test binary
)

// FreePort returns a loopback TCP port that nobody listens on and that this
// test binary has not handed out before.
func FreePort(tb testing.TB) int {
	tb.Helper()
	port, err := OpenPort()
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

// OpenPort is FreePort for programs that are not tests.
func OpenPort() (int, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if portsOut[port] {
			continue
		}
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		l.Close()
		portsOut[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("no free port on 127.0.0.1 between %d and %d in 1,000 tries", firstPort, lastPort)
}
