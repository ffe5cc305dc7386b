package git

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A looseStore writes blobs into a repository as git hash-object does, and remembers what it compressed: a file of records that
// grows by one each time is compressed where it changed, not whole.
type looseStore struct {
	mu      sync.Mutex
	objects string // the directory; "" where git has to write itself
	digits  int    // of an object's name
	pieces  map[[sha256.Size]byte][]byte
	held    int // bytes of pieces
	w       *flate.Writer
}

// Bounds of what is written here, and remembered of it.
const (
	maxLoose  = 32 << 20
	maxPieces = 8 << 20
	minPiece  = 8 << 10
	maxPiece  = 64 << 10
)

// errNotHere says that git has to write an object.
var errNotHere = errors.New("git writes it")

// loose is where blobs are written.
func (r *Repo) loose(ctx context.Context) *looseStore {
	r.storing.Do(func() { r.store = r.newLooseStore(ctx) })
	return r.store
}

// digits is the length of an object's name.
func (r *Repo) digits(ctx context.Context) int { return r.loose(ctx).digits }

// newLooseStore looks at what the repository wants of its objects: who shares it or flushes each of them leaves that to git.
func (r *Repo) newLooseStore(ctx context.Context) *looseStore {
	s := &looseStore{digits: hex.EncodedLen(20), pieces: map[[sha256.Size]byte][]byte{}}
	out, err := r.run(ctx, "config", "--get-regexp", `^(core\.(sharedrepository|fsync.*|compression|loosecompression|createobject)|extensions\..*)$`)
	plain := err == nil || exitCode(err) == 1 // there is none
	for line := range strings.Lines(out) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), " "); {
		case key == "extensions.objectformat" && value == "sha1", key == "extensions.worktreeconfig":
		case key == "extensions.objectformat" && value == "sha256":
			s.digits = hex.EncodedLen(sha256.Size)
		default:
			plain = false
		}
	}
	if plain {
		s.objects = filepath.Join(r.CommonDir, "objects")
	}
	return s
}

// write stores a blob and returns its name; errNotHere, or any error of the disk, leaves it to git.
func (s *looseStore) write(data []byte) (string, error) {
	if s.objects == "" || len(data) > maxLoose {
		return "", errNotHere
	}
	id := blobName(data, s.digits)
	dir := filepath.Join(s.objects, id[:2])
	name := filepath.Join(dir, id[2:])
	now := time.Now()
	if os.Chtimes(name, now, now) == nil { // as git does: what is wanted again is not old
		return id, nil
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	temp := filepath.Join(dir, fmt.Sprintf("tmp_obj_%08x", rand.Uint64())) // git sweeps such files away, should one stay
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return "", err
	}
	err = errors.Join(s.deflate(f, data), f.Close())
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		os.Remove(temp)
		return "", err
	}
	return id, nil
}

// deflate writes a blob with its header as one zlib stream, made of pieces that end at whole bytes.
func (s *looseStore) deflate(to io.Writer, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	header := fmt.Appendf(nil, "blob %d\x00", len(data))
	sum := adler32.New()
	sum.Write(header)
	sum.Write(data)
	out := bytes.NewBuffer(make([]byte, 0, 1024+len(data)/2))
	out.Write([]byte{0x78, 0x9c})
	if err := s.compress(out, header); err != nil {
		return err
	}
	for len(data) > 0 {
		n := cut(data)
		piece, err := s.piece(data[:n])
		if err != nil {
			return err
		}
		out.Write(piece)
		data = data[n:]
	}
	out.Write([]byte{1, 0, 0, 0xff, 0xff}) // the last block, empty
	out.Write(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
	_, err := to.Write(out.Bytes())
	return err
}

// piece compresses a piece, or has done so before.
func (s *looseStore) piece(data []byte) ([]byte, error) {
	key := sha256.Sum256(data)
	if piece, ok := s.pieces[key]; ok {
		return piece, nil
	}
	var out bytes.Buffer
	if err := s.compress(&out, data); err != nil {
		return nil, err
	}
	if s.held += out.Len(); s.held > maxPieces {
		clear(s.pieces)
		s.held = out.Len()
	}
	s.pieces[key] = out.Bytes()
	return out.Bytes(), nil
}

func (s *looseStore) compress(to *bytes.Buffer, data []byte) error {
	if s.w == nil {
		var err error
		if s.w, err = flate.NewWriter(nil, flate.DefaultCompression); err != nil {
			return err
		}
	}
	s.w.Reset(to)
	if _, err := s.w.Write(data); err != nil {
		return err
	}
	return s.w.Flush()
}

// cut says how long the first piece of data is. The bytes before its end decide, so that pieces are the same again behind a
// place where something was put in.
func cut(data []byte) int {
	end := min(len(data), maxPiece)
	var h uint32
	for i := minPiece; i < end; i++ {
		if h = h<<1 + (uint32(data[i])+1)*0x9E3779B1; h>>19 == 0 {
			return i + 1
		}
	}
	return end
}
