package sqlstore

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

// sessions are set-ups under which every literal must mean the same.
var sessions = []string{
	"SET sql_mode=''",
	"SET sql_mode='NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE'",
	"SET sql_mode='', NAMES gbk",
	"SET sql_mode='', NAMES sjis",
	"SET sql_mode='', NAMES latin1",
	"SET sql_mode='ORACLE', NAMES utf8mb4",
}

// askers are connections with those set-ups.
func askers(tb testing.TB) []*sql.Conn {
	tb.Helper()
	s := mariadb.Shared(tb)
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	var out []*sql.Conn
	for _, text := range sessions {
		conn, err := db.Conn(context.Background())
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := conn.ExecContext(context.Background(), text); err != nil {
			tb.Fatal(err)
		}
		out = append(out, conn)
	}
	return out
}

func FuzzLiterals(f *testing.F) {
	for _, s := range []string{"", "a", " ", "it's", `\`, `\'`, "''", "\x00", "\xbf'", "\x95\x5c", "\xbf\x5c'", "日本", "--", "/*!1*/", ";", "a\nb", "?", "%", "\x1a", "\x7f"} {
		f.Add(s, int64(len(s)))
	}
	f.Add(strings.Repeat("x", 300), int64(math.MinInt64))
	f.Add(strings.Repeat("\xff", 300), int64(math.MaxInt64))
	f.Add("-", int64(math.MinInt64+1))
	conns := askers(f)
	f.Fuzz(func(t *testing.T, s string, n int64) {
		for i, conn := range conns {
			text := string(appendLiteral(append(appendLiteral([]byte("SELECT HEX("), schema.Str(s)), "), "...), schema.Int(n)))
			var gotHex string
			var gotInt int64
			if err := conn.QueryRowContext(t.Context(), text).Scan(&gotHex, &gotInt); err != nil {
				t.Fatalf("%s: %s: %v", sessions[i], text, err)
			}
			if got, err := hex.DecodeString(gotHex); err != nil || string(got) != s || gotInt != n {
				t.Errorf("%s: %q is %q, %d is %d", sessions[i], s, got, n, gotInt)
			}
		}
	})
}

func TestLiteralOfNull(t *testing.T) {
	if got := string(appendLiteral(nil, schema.Null)); got != "NULL" {
		t.Error(got)
	}
}

func BenchmarkLiteral(b *testing.B) {
	for _, v := range []schema.Value{schema.Int(1_700_000_000_000), schema.Str("part-00001.parquet"), schema.Str("Größe.txt")} {
		b.Run(fmt.Sprint(v), func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf = appendLiteral(buf[:0], v)
			}
		})
	}
}
