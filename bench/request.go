package bench

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// Requests are written by hand: the generated code would allocate as much as all
// the rest of a call. The tests hold them against it.

func text[T string | []byte](b []byte, num protowire.Number, s T) []byte {
	b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.BytesType), uint64(len(s)))
	return append(b, s...)
}

func number(b []byte, num protowire.Number, u uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), u)
}

// permission appends an FsPermissionProto.
func permission(b []byte, num protowire.Number, mode uint64) []byte {
	var inner [8]byte
	return text(b, num, number(inner[:0], 1, mode))
}

const (
	fileMode  = 0o644
	dirMode   = 0o755
	blockSize = 128 << 20 // of every file, and how much of it open asks for
)

func getFileInfo(b, path []byte) []byte { return text(b, 1, path) }

func getBlockLocations(b, path []byte) []byte {
	return number(number(text(b, 1, path), 2, 0), 3, blockSize)
}

func getListing(b, path, after []byte) []byte {
	return number(text(text(b, 1, path), 2, after), 3, 0)
}

func mkdirs(b, path []byte) []byte {
	return number(permission(text(b, 1, path), 2, dirMode), 3, 1)
}

func create(b, path, holder []byte, replication int) []byte {
	b = permission(text(b, 1, path), 2, fileMode)
	b = number(text(b, 3, holder), 4, 1)
	b = number(number(b, 5, 1), 6, uint64(replication))
	return number(number(b, 7, blockSize), 8, 2)
}

// complete ends a file; last is its last block, an ExtendedBlockProto, or nil.
func complete(b, path, holder, last []byte, file uint64) []byte {
	b = text(text(b, 1, path), 2, holder)
	if last != nil {
		b = text(b, 3, last)
	}
	return number(b, 4, file)
}

func addBlock(b, path, holder []byte, file uint64) []byte {
	return number(text(text(b, 1, path), 2, holder), 5, file)
}

func setPermission(b, path []byte, mode uint64) []byte { return permission(text(b, 1, path), 2, mode) }

func setOwner(b, path []byte, group string) []byte { return text(text(b, 1, path), 3, group) }

func setReplication(b, path []byte, replication int) []byte {
	return number(text(b, 1, path), 2, uint64(replication))
}

func getContentSummary(b, path []byte) []byte { return text(b, 1, path) }

func rename(b, from, to []byte) []byte { return text(text(b, 1, from), 2, to) }

func remove(b, path []byte, recursive bool) []byte {
	return number(text(b, 1, path), 2, protowire.EncodeBool(recursive))
}

// The answers that are no success without being an exception.
var (
	errFalse   = errors.New("the NameNode answered false")
	errNothing = errors.New("the NameNode answered that there is nothing")
	errAnswer  = errors.New("the answer does not parse")
)

// find returns the first field of that number, as a number or as bytes.
func find(b []byte, want protowire.Number) (u uint64, inner []byte, err error) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, nil, errAnswer
		}
		b = b[n:]
		switch {
		case num == want && typ == protowire.VarintType:
			u, n = protowire.ConsumeVarint(b)
		case num == want && typ == protowire.BytesType:
			inner, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return 0, nil, errAnswer
		}
		if num == want {
			return u, inner, nil
		}
		b = b[n:]
	}
	return 0, nil, errNothing
}

// isTrue checks an answer that is one bool.
func isTrue(b []byte) error {
	u, _, err := find(b, 1)
	if err == nil && u == 0 {
		err = errFalse
	}
	return err
}

// isThere checks an answer that is one message, absent if there is nothing.
func isThere(b []byte) error {
	_, _, err := find(b, 1)
	return err
}

// endOfPage returns the name of the last entry of a DirectoryListingProto, nil if
// there is none, and how many entries come after it.
func endOfPage(page []byte) (last []byte, left uint64, err error) {
	for len(page) > 0 {
		num, typ, n := protowire.ConsumeTag(page)
		if n < 0 {
			return nil, 0, errAnswer
		}
		page = page[n:]
		switch {
		case num == 1 && typ == protowire.BytesType:
			last, n = protowire.ConsumeBytes(page)
		case num == 2 && typ == protowire.VarintType:
			left, n = protowire.ConsumeVarint(page)
		default:
			n = protowire.ConsumeFieldValue(num, typ, page)
		}
		if n < 0 {
			return nil, 0, errAnswer
		}
		page = page[n:]
	}
	if last != nil {
		if _, last, err = find(last, 2); err != nil {
			return nil, 0, errAnswer
		}
	}
	return last, left, nil
}

// each calls f for every field of that number that holds bytes.
func each(b []byte, want protowire.Number, f func([]byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeField(b)
		if n < 0 {
			return errAnswer
		}
		if num == want && typ == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(b)
			inner, _ := protowire.ConsumeBytes(b[tag:])
			if err := f(inner); err != nil {
				return err
			}
		}
		b = b[n:]
	}
	return nil
}
