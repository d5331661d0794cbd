package sqlstore

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/hopsql/hopsql/dal"
)

func TestKindsOfErrors(t *testing.T) {
	s := &Store{d: innodb.ready(), kind: mysqlKind, where: "here"}
	for _, c := range []struct {
		number  uint16
		message string
		before  dal.Kind // in front of the COMMIT
		during  dal.Kind // in the text with the COMMIT
	}{
		{1062, "", dal.Duplicate, dal.Duplicate},
		{1022, "", dal.Duplicate, dal.Duplicate},
		{1205, "", dal.Conflict, dal.Conflict},
		{1213, "", dal.Conflict, dal.Conflict},
		{1297, "Got temporary error 233 'Out of operation records' from NDBCLUSTER", dal.Conflict, dal.Conflict},
		{1297, "Got temporary error 4010 'Node failure caused abort of transaction' from NDBCLUSTER", dal.Conflict, dal.UnknownOutcome},
		{1296, "Got error 4009 'Cluster Failure' from NDBCLUSTER", dal.Unavailable, dal.UnknownOutcome},
		{1296, "Got error 839 'Illegal null attribute' from NDBCLUSTER", dal.Permanent, dal.Permanent},
		{1030, "Got error 157 from storage engine NDBCLUSTER", dal.Unavailable, dal.Unavailable},
		{1030, "Got error 28 from storage engine InnoDB", dal.Full, dal.Full},
		{1114, "", dal.Full, dal.Full},
		{1021, "", dal.Full, dal.Full},
		{1040, "", dal.Unavailable, dal.Unavailable},
		{1053, "", dal.Unavailable, dal.UnknownOutcome},
		{1927, "", dal.Unavailable, dal.UnknownOutcome},
		{1045, "", dal.Permanent, dal.Permanent},
		{1064, "", dal.Permanent, dal.Permanent},
		{1406, "", dal.Permanent, dal.Permanent},
	} {
		err := fmt.Errorf("wrapped: %w", &mysql.MySQLError{Number: c.number, Message: c.message})
		for sent, want := range map[bool]dal.Kind{false: c.before, true: c.during} {
			if got := s.fail(t.Context(), "x", err, sent); !dal.Is(got, want) {
				t.Errorf("%d %s, sent %v: %v, want %v", c.number, c.message, sent, dal.KindOf(got), want)
			}
		}
	}
	for _, err := range []error{io.ErrUnexpectedEOF, mysql.ErrInvalidConn} {
		if got := s.fail(t.Context(), "x", err, false); !dal.Is(got, dal.Unavailable) {
			t.Error(got)
		}
		if got := s.fail(t.Context(), "x", err, true); !dal.Is(got, dal.UnknownOutcome) {
			t.Error(got)
		}
	}
	if got := s.fail(t.Context(), "x", errors.New("what is this"), false); !dal.Is(got, dal.Permanent) {
		t.Error(got)
	}
}
