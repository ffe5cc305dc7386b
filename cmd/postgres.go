package cmd

import (
	"io"
	"net"
	"os"
	"path/filepath"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// fetchPostgres leaves a PostgreSQL server in the user's cache, where the copied tests look for one. The library fetches
// it when it is started for the first time.
func fetchPostgres() error {
	temp, err := os.MkdirTemp("", "spec-pg-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := uint32(listener.Addr().(*net.TCPAddr).Port)
	listener.Close()
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	server := embedded.NewDatabase(embedded.DefaultConfig().RuntimePath(filepath.Join(temp, "run")).DataPath(filepath.Join(temp, "data")).BinariesPath(filepath.Join(home, ".embedded-postgres-go", "extracted")).Port(port).Logger(io.Discard))
	if err := server.Start(); err != nil {
		return err
	}
	return server.Stop()
}
