package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// bitten is where a `bites` fact names the files that its breaks changed.
const bitten = " of "

// Bites words a `bites` fact: how many breaks of how many were noticed, with the code that they broke. Files are those
// that the breaks changed, or of Go directory#name for a function, where no names lead from a test to the code: in other
// languages than Go, and from scripts.
func Bites(killed, all int, code string, files []string) string {
	s := fmt.Sprintf("%d/%d code:%s", killed, all, code)
	if len(files) > 0 {
		names := make([]string, len(files))
		for i, f := range files {
			names[i] = plainWord(f)
		}
		s += bitten + strings.Join(names, " ")
	}
	return s
}

// BittenCode is the code that a `bites` fact is of: the hash that it names.
func BittenCode(bites string) string {
	_, code, _ := strings.Cut(bites, " code:")
	code, _, _ = strings.Cut(code, bitten)
	return strings.TrimSpace(code)
}

// Bitten reads how many breaks of how many a `bites` fact says were noticed; false where it holds no such count.
func Bitten(bites string) (killed, all int, ok bool) {
	count, _, _ := strings.Cut(bites, " ")
	k, n, found := strings.Cut(count, "/")
	killed, err := strconv.Atoi(k)
	all, err2 := strconv.Atoi(n)
	return killed, all, found && err == nil && err2 == nil
}

// BittenFiles lists the files that a `bites` fact names; nil where it names none.
func BittenFiles(bites string) (files []string) {
	_, names, ok := strings.Cut(bites, bitten)
	if !ok {
		return nil
	}
	for _, name := range strings.Fields(names) {
		files = append(files, spoken(name))
	}
	return files
}

// plainWord writes a path as one word of a lock.
func plainWord(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c <= ' ' || c == '%' || c == '"' || c == 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// spoken is the path that a word of a lock stands for.
func spoken(word string) string {
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] == '%' && i+2 < len(word) {
			if c, err := hex.DecodeString(word[i+1 : i+3]); err == nil {
				b.WriteByte(c[0])
				i += 2
				continue
			}
		}
		b.WriteByte(word[i])
	}
	return b.String()
}

// CodeOf names the code of a proof as the tree has it now: of the files that the fact names, below root, or else what the
// Go tests of the criterion lead to; see Code.
func (ix *Index) CodeOf(feature, id, bites, root string) string {
	if files := BittenFiles(bites); files != nil {
		return ix.Files(root, files)
	}
	return ix.Code(feature, id)
}

// Files hashes what files below root hold, or functions of Go that are named with their directory: the words and signs of code whose language is known, without comments and
// formatting, else the bytes. A file that is not there has another hash than any that is.
func (ix *Index) Files(root string, files []string) string {
	if ix.scan == nil {
		return ""
	}
	files = slices.Clone(files)
	slices.Sort(files)
	h := sha256.New()
	for _, name := range slices.Compact(files) {
		if dir, function, ok := strings.Cut(name, "#"); ok {
			fmt.Fprintf(h, "%q\n%s\n", name, ix.scan.function(path.Join(root, dir), function))
			continue
		}
		data, err := fs.ReadFile(ix.scan.fsys, path.Join(root, name))
		if err != nil {
			fmt.Fprintf(h, "%q is not there\n", name)
			continue
		}
		text := string(data)
		if lang := ix.scan.byExtension(name); lang != nil && len(data) < maxSource {
			text = strings.Join(newSource(lang, text).tokens(0, len(text)), "\n")
		}
		fmt.Fprintf(h, "%q %d\n%s\n", name, len(text), text)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// function is the tokens of the functions and methods of a name in the Go files of a directory, tests left out.
func (s *scanner) function(dir, name string) string {
	s.codeMu.Lock()
	defer s.codeMu.Unlock()
	var parts []string
	for _, d := range s.code(dir).decls[name] {
		if node := d.node(); node != nil && d.decl.kind == token.FUNC && !d.decl.file.test {
			parts = append(parts, d.decl.tokens(node))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "\n")
}
