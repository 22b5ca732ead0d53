package pgserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childVariable makes this test program start a server, print where it is, and wait to be killed.
const childVariable = "AUTHLY_PGSERVER_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	server, err := Start(Config{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(server.Admin())
	fmt.Println(server.folder)
	select {}
}

// A test that panics or is killed runs no clean-up; its server must end all the same and leave nothing behind.
func TestServerEndsWithItsProcess(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=1")
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	lines := bufio.NewScanner(out)
	var url, folder string
	if lines.Scan() {
		url = lines.Text()
	}
	if lines.Scan() {
		folder = lines.Text()
	}
	must(t, answers(t, url))
	if _, err := os.Stat(folder); err != nil {
		t.Errorf("the folder of a living server: %v", err)
	}
	must(t, child.Process.Kill())
	_ = child.Wait() // it was killed, and says so

	deadline := time.After(20 * time.Second)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		_, err := os.Stat(folder)
		if errors.Is(err, fs.ErrNotExist) && answers(t, url) != nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("the server outlives its process, or its folder does: %v", err)
		case <-poll.C:
		}
	}
}

func answers(t *testing.T, url string) error {
	t.Helper()
	if !strings.HasPrefix(url, "postgres://") {
		t.Fatalf("the child said %q", url)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// Who measures wants nothing to be left when they are done.
func TestClose(t *testing.T) {
	server, err := Start(Config{Durable: true})
	must(t, err)
	database, drop, err := CreateDatabase(t.Context(), server.Admin(), server.Owner())
	must(t, err)
	must(t, answers(t, database.String()))
	must(t, run(t.Context(), database, `CREATE TABLE kept ()`))
	copied, _, err := CopyDatabase(t.Context(), server.Admin(), database)
	must(t, err)
	must(t, run(t.Context(), copied, `DROP TABLE kept`))
	must(t, drop())
	if answers(t, database.String()) == nil {
		t.Error("the database was not dropped")
	}
	must(t, server.Close())
	if err := answers(t, server.Admin().String()); err == nil {
		t.Error("the server was not closed")
	}
	if _, err := os.Stat(server.folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of a closed server: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
