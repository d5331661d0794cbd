package sqlstore

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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

var oddStrings = []string{"", "a", " ", "it's", `\`, `\'`, "''", "\x00", "\xbf'", "\x95\x5c", "\xbf\x5c'", "日本", "--", "/*!1*/", ";", "a\nb", "?", "%", "\x1a", "\x7f",
	strings.Repeat("x", 300), strings.Repeat("\xff", 300)}

// TestLiteralsOnAServer asks a real server, under every set-up, what it reads.
func TestLiteralsOnAServer(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	words := oddStrings
	for range 2000 {
		b := make([]byte, rnd.IntN(12))
		for i := range b {
			b[i] = byte(rnd.IntN(256))
			if rnd.IntN(3) == 0 {
				b[i] = "'\\\"\x00%\xbf\x81\x5c"[rnd.IntN(8)]
			}
		}
		words = append(words, string(b))
	}
	for _, conn := range askers(t) {
		for part := range slices.Chunk(words, 100) {
			ask(t, conn, part, rnd)
		}
	}
}

func ask(t *testing.T, conn *sql.Conn, words []string, rnd *rand.Rand) {
	t.Helper()
	text := []byte("SELECT ")
	numbers := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64, rnd.Int64(), -rnd.Int64()}
	var dest []any
	for _, w := range words {
		text = append(appendLiteral(append(text, "HEX("...), schema.Str(w)), "),"...)
		dest = append(dest, new(string))
	}
	for _, n := range numbers {
		text = append(appendLiteral(text, schema.Int(n)), ',')
		dest = append(dest, new(int64))
	}
	if err := conn.QueryRowContext(t.Context(), string(text[:len(text)-1])).Scan(dest...); err != nil {
		t.Fatal(err)
	}
	for i, w := range words {
		if got, err := hex.DecodeString(*dest[i].(*string)); err != nil || string(got) != w {
			t.Errorf("%q is %q", w, got)
		}
	}
	for i, n := range numbers {
		if got := *dest[len(words)+i].(*int64); got != n {
			t.Errorf("%d is %d", n, got)
		}
	}
}

// FuzzLiterals reads every literal back by the rules that all sql_modes share: a
// quoted string holds neither quote nor backslash nor a byte outside ASCII.
func FuzzLiterals(f *testing.F) {
	for _, s := range oddStrings {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := string(appendLiteral(nil, schema.Str(s)))
		var got string
		if digits, ok := strings.CutPrefix(text, "x'"); ok {
			b, err := hex.DecodeString(strings.TrimSuffix(digits, "'"))
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			got = string(b)
		} else {
			got = text[1 : len(text)-1]
			if text[0] != '\'' || text[len(text)-1] != '\'' || strings.ContainsAny(got, "'\\\x00") {
				t.Fatalf("%s is not one literal everywhere", text)
			}
		}
		if got != s {
			t.Errorf("%s is not %q", text, s)
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
