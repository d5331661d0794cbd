package dal

import "time"

// Stats are counters of a store since it was opened.
type Stats struct {
	RoundTrips int64 // to a server; 0 where there is none
	Statements int64
	// Connections that are open, and those of them that are in use now.
	Connections, InUse int
	// Waits is how often somebody waited for a connection, and Waited how long, together.
	Waits  int64
	Waited time.Duration
}

// Counting is a Store that counts.
type Counting interface {
	// Stats returns the counters as they are now.
	Stats() Stats
}
