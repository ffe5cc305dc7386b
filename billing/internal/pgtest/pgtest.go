// Package pgtest gives tests a real PostgreSQL.
//
// The server is the one that SPEC_TEST_DATABASE_URL names; else an installed one, started for this test process on a
// socket in a private directory; else the one that the embedded-postgres library left in the user's cache. The first
// test that asks starts it; it ends with the process, also when that is killed. Every test gets a database to itself,
// and a role that may create databases but is no superuser. Where the server is stands in SPEC_SHARED_POSTGRES from then on, which
// spec prove hands to the processes that it runs after this one.
package pgtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const role = "billing_test"

// Variables of the environment with a server's connection string: lastingURL names one that is not the tests' own, sharedURL
// one that a process of the tests has started.
const (
	lastingURL = "SPEC_TEST_DATABASE_URL"
	sharedURL  = "SPEC_SHARED_POSTGRES"
)

var (
	once     sync.Once
	admin    string // connection string of the role
	startErr error
	number   atomic.Int64
	held     *os.File // its end tells the watcher that this process is gone
)

// A database is one that a test gets. On a server that ends with the tests it is emptied for another test when its own is over; on
// any other none may be left behind.
type database struct {
	name, dsn string
	err       error
}

// free holds databases that no test uses.
var free = make(chan database, 4)

// New returns a pool on a database that holds the host's table users and nothing else, and its connection string. It goes with
// the test.
func New(t testing.TB) (*pgxpool.Pool, string) {
	t.Helper()
	ctx := context.Background()
	defer runtime.KeepAlive(held) // collected, it would be closed, and the server end
	lasting := os.Getenv(lastingURL) != ""
	var db database
	select {
	case db = <-free:
	default:
		db = fresh(ctx)
	}
	if db.err != nil {
		t.Fatalf("no PostgreSQL for the tests: %v", db.err)
	}
	pool, err := pgxpool.New(ctx, db.dsn)
	if err != nil {
		t.Fatalf("connecting to the test's database: %v", err)
	}
	t.Cleanup(func() {
		end(t, pool)
		if lasting {
			remove(ctx, db.name)
		} else {
			go spare(ctx, db)
		}
	})
	return pool, db.dsn
}

// end closes a test's pool. One of whose connections was never given back would wait for ever: it is left, and the test that has
// failed says why.
func end(t testing.TB, pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(time.Second):
		t.Logf("%d connections to the test's database are still in use", pool.Stat().AcquiredConns())
	}
}

// spare empties a database and hands it to another test, or removes it. The next test is not kept waiting.
func spare(ctx context.Context, db database) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := empty(ctx, db.dsn); err == nil {
		select {
		case free <- db:
			return
		default:
		}
	}
	remove(ctx, db.name)
}

// leftovers counts what a test may have done to a database that does not go with its schema.
const leftovers = `SELECT (SELECT count(*) FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('public', 'information_schema'))
	+ (SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql') + (SELECT count(*) FROM pg_largeobject_metadata) + (SELECT count(*) FROM pg_publication)
	+ (SELECT count(*) FROM pg_event_trigger) + (SELECT count(*) FROM pg_default_acl) + (SELECT count(*) FROM pg_foreign_data_wrapper)
	+ (SELECT count(*) FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE d.datname = current_database())
	+ (SELECT count(*) FROM pg_database WHERE datname = current_database() AND (NOT datallowconn OR datconnlimit <> -1 OR datacl IS NOT NULL))`

// empty ends what still uses a database and makes its schema anew. It fails where a test did more to it.
func empty(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	const end = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`
	for others := 1; others > 0; {
		if err := conn.QueryRow(ctx, end).Scan(&others); err != nil {
			return err
		}
	}
	if _, err := conn.Exec(ctx, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC"); err != nil {
		return err
	}
	more := 0
	if err := conn.QueryRow(ctx, leftovers).Scan(&more); err != nil || more > 0 {
		return cmp.Or(err, errors.New("a test did more to its database than its schema holds"))
	}
	return users(ctx, conn)
}

// users makes the table that a host has.
func users(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid())")
	return err
}

// fresh makes a database with the host's table users.
func fresh(ctx context.Context) database {
	db := database{name: fmt.Sprintf("t%d_%d_%d", os.Getpid(), time.Now().UnixNano(), number.Add(1))}
	if db.dsn, db.err = Database(ctx, db.name); db.err != nil {
		return db
	}
	conn, err := pgx.Connect(ctx, db.dsn)
	if err != nil {
		db.err = err
		return db
	}
	defer conn.Close(ctx)
	db.err = users(ctx, conn)
	return db
}

// remove takes a database away. Where that fails, it goes with the server.
func remove(ctx context.Context, name string) {
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return
	}
	defer conn.Close(ctx)
	conn.Exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
}

// URL is the connection string of the server, which is started when it was not yet.
func URL() (string, error) {
	once.Do(func() { admin, startErr = start() })
	return admin, startErr
}

// Database creates a database on the server and returns its connection string.
func Database(ctx context.Context, name string) (string, error) {
	server, err := URL()
	if err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	return withDatabase(server, name), nil
}

func withDatabase(dsn, name string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	u.Path = "/" + name
	return u.String()
}

// start finds or starts a server and returns how to connect as the test role.
func start() (string, error) {
	for _, name := range []string{lastingURL, sharedURL} {
		if dsn := os.Getenv(name); dsn != "" {
			return dsn, nil
		}
	}
	bin, err := binaries()
	if err != nil {
		return "", err
	}
	dsn, err := serve(bin)
	if err != nil {
		return "", err
	}
	return dsn, os.Setenv(sharedURL, dsn)
}

// binaries finds the directory of an installed server, the newest where there are several.
func binaries() (string, error) {
	var places []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		places = append(places, strings.TrimSpace(string(out)))
	}
	if found, err := exec.LookPath("postgres"); err == nil {
		places = append(places, filepath.Dir(found))
	}
	cache := os.Getenv("SPEC_POSTGRES_CACHE")
	if home, err := os.UserHomeDir(); err == nil && cache == "" {
		cache = filepath.Join(home, ".embedded-postgres-go")
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin", filepath.Join(cache, "*", "bin")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		for i := len(found) - 1; i >= 0; i-- {
			places = append(places, found[i])
		}
	}
	for _, dir := range places {
		if runnable(filepath.Join(dir, "postgres")) && runnable(filepath.Join(dir, "initdb")) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("set SPEC_TEST_DATABASE_URL to a server where tests may create databases, or install PostgreSQL (looked for by pg_config, on the PATH and in the usual places), or let embedded-postgres download one to %s", cache)
}

func runnable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && !info.IsDir() && info.Mode()&0o111 != 0
}

// serve starts a server on a socket in a private directory. As root, which the server refuses to be, it runs as postgres
// or nobody.
func serve(bin string) (string, error) {
	base, err := os.MkdirTemp(shortTemp(), "pg")
	if err != nil {
		return "", err
	}
	attr, err := drop(base)
	if err != nil {
		return "", err
	}
	data := cmp.Or(memory(), filepath.Join(base, "d"))
	if filepath.Dir(data) != base {
		if _, err := drop(data); err != nil {
			return "", errors.Join(err, os.RemoveAll(data))
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-U", "owner", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = base, attr
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %v\n%s", err, out)
	}
	var alive *os.File
	alive, held, err = os.Pipe()
	if err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(base, "log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	// The shell outlives a killed test process by one read: then it ends the server and takes the directory away.
	const watch = `"$@" & pid=$!; read -r _ <&3; kill -QUIT $pid; wait $pid; rm -rf "$BASE" "$DATA"`
	server := exec.Command("/bin/sh", "-c", watch, "sh", filepath.Join(bin, "postgres"), "-D", data, "-k", base, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "max_connections=200")
	server.Dir, server.Stdout, server.Stderr = base, log, log
	server.Env = append(os.Environ(), "BASE="+base, "DATA="+data)
	server.ExtraFiles = []*os.File{alive}
	server.SysProcAttr = attr
	if err := server.Start(); err != nil {
		return "", fmt.Errorf("starting postgres: %v", err)
	}
	alive.Close()
	owner := fmt.Sprintf("postgres://owner@/postgres?host=%s&sslmode=disable", url.QueryEscape(base))
	if err := ready(owner); err != nil {
		text, readErr := os.ReadFile(filepath.Join(base, "log"))
		return "", errors.Join(fmt.Errorf("waiting for postgres: %v\n%s", err, text), readErr)
	}
	return fmt.Sprintf("postgres://%s@/postgres?host=%s&sslmode=disable", role, url.QueryEscape(base)), nil
}

// memory makes a directory for a server's data in memory, where there is room; "" where there is not. Databases come and go with the
// tests, and a disk that was just given thousands of files back is slow to hand out the next.
func memory() string {
	out, err := exec.Command("df", "-Pk", "/dev/shm").Output()
	_, line, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	columns := strings.Fields(line)
	if err != nil || len(columns) < 6 {
		return ""
	}
	const room = 4 << 20 // kilobytes: a log alone may take one gigabyte
	if free, err := strconv.ParseInt(columns[3], 10, 64); err != nil || free < room {
		return ""
	}
	dir, err := os.MkdirTemp("/dev/shm", "pg")
	if err != nil {
		return ""
	}
	return dir
}

// shortTemp is a directory whose path leaves room for a socket's name, which ends at 107 bytes.
func shortTemp() string {
	if dir := os.TempDir(); len(dir) < 70 {
		return dir
	}
	return "/tmp"
}

// ready waits until the server answers, and makes the tests' role.
func ready(dsn string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			defer conn.Close(ctx)
			_, err = conn.Exec(ctx, "CREATE ROLE "+role+" LOGIN CREATEDB CREATEROLE")
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(30 * time.Millisecond):
		}
	}
}
