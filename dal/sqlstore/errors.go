package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	lite "modernc.org/sqlite"

	"github.com/hopsql/hopsql/dal"
)

// fail makes the *dal.Error of what a driver returned. sent says that the COMMIT
// may have reached the server.
func (s *Store) fail(ctx context.Context, op string, err error, sent bool) error {
	var d discard
	if errors.As(err, &d) {
		err = d.err
	}
	var done *dal.Error
	if errors.As(err, &done) {
		return done
	}
	if kind, known := s.kind(err, sent); known {
		return &dal.Error{Kind: kind, Op: op, Err: s.at(err)}
	}
	switch {
	case s.closed.Load():
		return &dal.Error{Kind: dal.Permanent, Op: op, Err: errClosed}
	case sent && !errors.Is(err, driver.ErrBadConn):
		if e := ctx.Err(); e != nil {
			err = e
		}
		return &dal.Error{Kind: dal.UnknownOutcome, Op: op, Err: s.at(err)}
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, driver.ErrBadConn):
		err = errLost
	case !broken(err):
		return &dal.Error{Kind: dal.Permanent, Op: op, Err: s.at(err)}
	}
	// The chain is cut: a dial that timed out is no ended context.
	return &dal.Error{Kind: dal.Unavailable, Op: op, Err: s.at(errors.New(err.Error()))}
}

// broken reports whether err is that of a connection, not of what was asked.
func broken(err error) bool {
	var of net.Error
	var no syscall.Errno
	for _, e := range []error{
		io.EOF, io.ErrUnexpectedEOF, os.ErrDeadlineExceeded, sql.ErrConnDone,
		mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrPktSyncMul, mysql.ErrBusyBuffer,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return errors.As(err, &of) || errors.As(err, &no)
}

// at says where an error happened, and what to do about it where that is known.
func (s *Store) at(err error) error {
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		if advice := mysqlAdvice[my.Number]; advice != "" {
			return fmt.Errorf("%s: %w: %s", s.where, err, advice)
		}
	}
	return fmt.Errorf("%s: %w", s.where, err)
}

// mysqlKinds maps the numbers of a MySQL server's errors; others are Permanent.
var mysqlKinds = func() map[uint16]dal.Kind {
	m := map[uint16]dal.Kind{}
	for kind, numbers := range map[dal.Kind][]uint16{
		// ER_DUP_KEY (NDB, several rows), ER_DUP_ENTRY, ER_DUP_ENTRY_WITH_KEY_NAME
		dal.Duplicate: {1022, 1062, 1586},
		// record changed, lock wait, deadlock, read-only after fail-over during a
		// transaction, temporary NDB error, interrupted query, table changed meanwhile,
		// transaction was rolled back
		dal.Conflict: {1020, 1205, 1213, 1297, 1317, 1412, 1689, 3101},
		// too many connections, out of memory, no new thread, host blocked, shut down,
		// aborted connection and network errors, user's limit, too many transactions,
		// read-only server, killed, gone, lost
		dal.Unavailable: {1037, 1038, 1040, 1041, 1042, 1043, 1053, 1077, 1078, 1129, 1135, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1290, 1637, 1836, 1927, 2006, 2013, 3169, 4031},
		// disk full, table full
		dal.Full: {1021, 1114},
	} {
		for _, n := range numbers {
			m[n] = kind
		}
	}
	return m
}()

// lostInCommit are errors that say the connection was ended from the other side:
// of a COMMIT nobody knows then whether it took place.
var lostInCommit = map[uint16]bool{1053: true, 1152: true, 1317: true, 1927: true, 2006: true, 2013: true, 3169: true}

// advice for people, by number. The key is the one that they have set.
var mysqlAdvice = map[uint16]string{
	1044: "check the user, the password and the database in dfs.storage.driver.url",
	1045: "check the user and the password in dfs.storage.driver.url (or dfs.storage.driver.password.file)",
	1049: "run `hdfs namenode -format` to create it, or correct the database in dfs.storage.driver.url",
	1130: "allow this host on the server, or correct the user in dfs.storage.driver.url",
	1142: "grant the user in dfs.storage.driver.url all rights on the database",
	1146: "run `hdfs namenode -format` or `hdfs namenode -upgrade`",
	1153: "raise max_allowed_packet of the server to 16M",
	1286: "the engine in dfs.storage.driver.url is not there on this server",
	1665: "set binlog_format=ROW on the server",
	1698: "this user cannot log in with a password; correct dfs.storage.driver.url",
}

// ndbCode finds the number of the data nodes in an error of the SQL node, such as
// "Got temporary error 4010 'Node failure caused abort' from NDBCLUSTER".
var ndbCode = regexp.MustCompile(`[Gg]ot (?:temporary )?error (-?\d+)`)

// mysqlKind tells what an error of the server means; known is false if it is not
// from the server.
func mysqlKind(err error, sent bool) (kind dal.Kind, known bool) {
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return dal.Permanent, false
	}
	switch {
	case sent && lostInCommit[my.Number]:
		return dal.UnknownOutcome, true
	case my.Number == 1030, my.Number == 1180, my.Number == 1296, my.Number == 1297:
		return engineKind(my, sent), true
	}
	return mysqlKinds[my.Number], true
}

// engineKind looks into errors that only pass on a number of the engine.
func engineKind(e *mysql.MySQLError, sent bool) dal.Kind {
	code := 0
	if m := ndbCode.FindStringSubmatch(e.Message); m != nil {
		code, _ = strconv.Atoi(m[1]) // digits only
	}
	if e.Number == 1030 || e.Number == 1180 {
		switch code {
		case 28, 135, 139, 747, 827: // no space on the device, table or memory full
			return dal.Full
		case 121:
			return dal.Duplicate
		case 146, 149, 266:
			return dal.Conflict
		case 157:
			return dal.Unavailable
		}
	}
	switch {
	case code == 630 || code == 893:
		return dal.Duplicate
	case code == 625 || code == 747 || code == 826 || code == 827 || code == 902 || code == 921:
		return dal.Full
	case (code == 4009 || code == 157) && !sent:
		return dal.Unavailable
	case sent && code >= 4000 && code < 4100:
		// The SQL node lost its data nodes while it waited for them.
		return dal.UnknownOutcome
	case e.Number == 1297, code >= 4000 && code < 4100, strings.Contains(e.Message, "temporary"):
		return dal.Conflict
	}
	return dal.Permanent
}

// sqliteKind tells what an error of SQLite means.
func sqliteKind(err error, _ bool) (kind dal.Kind, known bool) {
	var e *lite.Error
	if !errors.As(err, &e) {
		return dal.Permanent, false
	}
	switch code := e.Code(); code & 0xff {
	case 19: // SQLITE_CONSTRAINT
		if code == 1555 || code == 2067 { // …_PRIMARYKEY, …_UNIQUE
			return dal.Duplicate, true
		}
	case 5, 6, 9, 17: // BUSY, LOCKED, INTERRUPT, SCHEMA
		return dal.Conflict, true
	case 13: // FULL
		return dal.Full, true
	case 7, 10, 14: // NOMEM, IOERR, CANTOPEN
		return dal.Unavailable, true
	}
	return dal.Permanent, true
}

// unexpected is an answer that no driver of this version gives.
func unexpected(format string, args ...any) error {
	return &dal.Error{Kind: dal.Permanent, Op: "driver", Err: fmt.Errorf(format, args...)}
}
