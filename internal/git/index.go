package git

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// An indexEntry is what an index says of one path.
type indexEntry struct {
	name  []byte // valid during the call
	mode  uint32
	id    []byte
	stage int
	apart bool // git was told not to look at the file, or that it is yet to come
}

// errIndex says that an index is written in a way that only git reads.
var errIndex = errors.New("an index that git has to read")

// Flags of an index entry.
const (
	assumeValid   = 0x8000
	extended      = 0x4000
	stageBits     = 0x3000
	skipWorktree  = 0x4000 // of the extended flags
	intentToAdd   = 0x2000
	nameless      = 40 // bytes of an entry before the object's name
	indexHeader   = 12
	modeAt        = 24
	paddedEntries = 8
)

// scanIndex reads an index file (versions 2 to 4 of the format), and calls each with what it says of every path, in order. It returns
// errIndex for a file that is split, that leaves directories out, or that it does not understand.
func scanIndex(file string, digits int, each func(indexEntry)) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	hash := digits / 2
	if len(data) < indexHeader+hash || string(data[:4]) != "DIRC" {
		return errIndex
	}
	version, count := binary.BigEndian.Uint32(data[4:]), int(binary.BigEndian.Uint32(data[8:]))
	if version < 2 || version > 4 {
		return errIndex
	}
	rest, last := data[indexHeader:len(data)-hash], []byte(nil)
	for range count {
		head := nameless + hash + 2
		if len(rest) < head+2 {
			return errIndex
		}
		fixed := rest
		flags, more := binary.BigEndian.Uint16(rest[head-2:]), uint16(0)
		if flags&extended != 0 {
			more = binary.BigEndian.Uint16(rest[head:])
			head += 2
		}
		name := rest[head:]
		if version == 4 {
			strip, n := varint(name)
			if n == 0 || strip > len(last) {
				return errIndex
			}
			name, head = name[n:], head+n
			end := bytes.IndexByte(name, 0)
			if end < 0 {
				return errIndex
			}
			last = append(last[:len(last)-strip], name[:end]...)
			name, rest = last, rest[head+end+1:]
		} else {
			end := bytes.IndexByte(name, 0)
			size := (head + end + paddedEntries) / paddedEntries * paddedEntries
			if end < 0 || size > len(rest) {
				return errIndex
			}
			name, rest = name[:end], rest[size:]
		}
		each(indexEntry{name: name, mode: binary.BigEndian.Uint32(fixed[modeAt:]), id: fixed[nameless : nameless+hash],
			stage: int(flags&stageBits) >> 12, apart: flags&assumeValid != 0 || more&(skipWorktree|intentToAdd) != 0})
	}
	for len(rest) > 0 {
		if len(rest) < 8 {
			return errIndex
		}
		if kind := rest[0]; kind < 'A' || kind > 'Z' {
			return fmt.Errorf("%w: it needs %q", errIndex, rest[:4])
		}
		size := int(binary.BigEndian.Uint32(rest[4:]))
		if size > len(rest)-8 {
			return errIndex
		}
		rest = rest[8+size:]
	}
	return nil
}

// varint reads a number as git writes it in front of the names of version 4. n is its length, 0 where there is none.
func varint(data []byte) (value, n int) {
	for i, b := range data {
		if i > 4 {
			return 0, 0
		}
		if i > 0 {
			value++
		}
		if value = value<<7 | int(b&0x7f); b&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}
