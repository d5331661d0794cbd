package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// dial connects to addr, as often as the configuration says.
func (c *Client) dial(ctx context.Context, addr string) (net.Conn, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, fmt.Errorf("%w: %q is not host:port", ErrConnect, addr)
	}
	for try := 0; ; try++ {
		d := net.Dialer{Timeout: c.cfg.ConnectTimeout}
		nc, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return nc, nil
		}
		if ctx.Err() != nil {
			return nil, ErrClosed
		}
		var dns *net.DNSError
		if try >= c.cfg.ConnectRetries || errors.As(err, &dns) && dns.IsNotFound {
			return nil, connectError(addr, c.cfg.ConnectTimeout, err)
		}
		c.cfg.Logger.Info("Retrying connect to server: "+addr, "tried", try+1, "max", c.cfg.ConnectRetries+1, "err", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ErrClosed
		}
	}
}

// netError words a failure of the network as Hadoop's clients do.
type netError struct {
	kind  error // ErrConnect, ErrConnectionLost or ErrTimeout
	text  string
	cause error
}

func (e *netError) Error() string   { return e.text }
func (e *netError) Unwrap() []error { return []error{e.kind, e.cause} }

const wiki = "; For more details see:  http://wiki.apache.org/hadoop/"

func connectError(addr string, timeout time.Duration, err error) error {
	var dns *net.DNSError
	var text string
	switch {
	case errors.As(err, &dns):
		text = fmt.Sprintf("Invalid host name: local host is: %s; destination host is: %s; java.net.UnknownHostException: %s%sUnknownHost", quotedHost(), quoted(addr), dns.Name, wiki)
	case errors.Is(err, syscall.ECONNREFUSED):
		text = fmt.Sprintf("Call From %s to %s failed on connection exception: java.net.ConnectException: Connection refused%sConnectionRefused", localHost(), addr, wiki)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		text = fmt.Sprintf("No Route to Host from  %s to %s failed on socket timeout exception: java.net.NoRouteToHostException: No route to host%sNoRouteToHost", localHost(), addr, wiki)
	case errors.Is(err, os.ErrDeadlineExceeded):
		text = fmt.Sprintf("Call From %s to %s failed on socket timeout exception: org.apache.hadoop.net.ConnectTimeoutException: %d millis timeout while waiting for channel to be ready for connect%sSocketTimeout", localHost(), addr, timeout.Milliseconds(), wiki)
	default:
		text = fmt.Sprintf("Call From %s to %s failed on connection exception: %v%sConnectionRefused", localHost(), addr, err, wiki)
	}
	return &netError{ErrConnect, text, err}
}

func lostError(addr string, err error) error {
	var text string
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		text = fmt.Sprintf("End of File Exception between local host is: %s; destination host is: %s; : java.io.EOFException%sEOFException", quotedHost(), quoted(addr), wiki)
	} else {
		text = fmt.Sprintf("Call From %s to %s failed on local exception: java.io.IOException: %v", localHost(), addr, err)
	}
	return &netError{ErrConnectionLost, text, err}
}

func timeoutError(addr string, timeout time.Duration) error {
	text := fmt.Sprintf("Call From %s to %s failed on socket timeout exception: java.net.SocketTimeoutException: Call timed out after %d ms%sSocketTimeout", localHost(), addr, timeout.Milliseconds(), wiki)
	return &netError{ErrTimeout, text, os.ErrDeadlineExceeded}
}

func quotedHost() string { return `"` + localHost() + `"` }

func quoted(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return `"` + addr + `"`
	}
	return `"` + host + `":` + port
}

// localHost is host/ip of this machine, as Java prints it.
var localHost = sync.OnceValue(func() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	ip := "127.0.0.1"
	if ips, err := net.DefaultResolver.LookupHost(ctx, host); err == nil && len(ips) > 0 {
		ip = ips[0]
	}
	return host + "/" + ip
})
