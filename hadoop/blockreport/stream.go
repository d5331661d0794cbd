package blockreport

import "io"

// stream reads bytes across chunks, which a sender may cut anywhere. It leaves
// the chunks as they are: a report may be read twice.
type stream struct {
	cur    []byte
	chunks [][]byte
}

// ReadByte returns the next byte or io.EOF.
func (s *stream) ReadByte() (byte, error) {
	for len(s.cur) == 0 {
		if len(s.chunks) == 0 {
			return 0, io.EOF
		}
		s.cur, s.chunks = s.chunks[0], s.chunks[1:]
	}
	b := s.cur[0]
	s.cur = s.cur[1:]
	return b, nil
}
