package sqlstore

import (
	"testing"

	"github.com/hopsql/hopsql/dal"
)

func TestWhatIsSentIsCounted(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		if err := s.Admin().Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		trips := int64(1)
		if s.d.engine == "" {
			trips = 0 // there is no server
		}
		counted := func(name string, statements int64, f func()) {
			t.Helper()
			before := s.Stats()
			f()
			after := s.Stats()
			if n := after.RoundTrips - before.RoundTrips; n != trips {
				t.Errorf("%s: %d round trips", name, n)
			}
			if n := after.Statements - before.Statements; n != statements {
				t.Errorf("%s: %d statements, want %d", name, n, statements)
			}
		}
		counted("a read", 1, func() { count(t, s) })
		counted("two reads of one moment", 4, func() {
			if _, err := s.Read(t.Context(), []dal.Fetch{purgeScan, purgeScan}); err != nil {
				t.Fatal(err)
			}
		})
		counted("a commit", 3, func() { commit(t, s, []dal.Change{purgeRow(1), purgeRow(2)}) })
		if st := s.Stats(); st.Connections == 0 || st.InUse != 0 {
			t.Errorf("%+v", st)
		}
	})
}
