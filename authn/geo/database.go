package geo

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"sync/atomic"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/descoped/authly/authn"
)

// Database is a file that says where addresses are. It is safe for concurrent use, Reload excepted, of which one at a time may
// run.
type Database struct {
	path    string
	current atomic.Pointer[maxminddb.Reader]
	read    fs.FileInfo // of the file that was looked at last
}

// Open reads the file. It is read whole and not mapped into memory: who writes over a file that is mapped ends the process.
func Open(path string) (*Database, error) {
	d := &Database{path: path}
	if _, err := d.Reload(); err != nil {
		return nil, err
	}
	return d, nil
}

// Reload reads the file if it is another one than at the last call, and reports whether it is used now. On an error the one in
// use stays.
func (d *Database) Reload() (changed bool, err error) {
	info, err := os.Stat(d.path)
	if err != nil {
		return false, err
	}
	if d.read != nil && os.SameFile(info, d.read) && info.ModTime().Equal(d.read.ModTime()) && info.Size() == d.read.Size() {
		return false, nil
	}
	d.read = info // also of one that is no good: it is not read again and again
	content, err := os.ReadFile(d.path)
	if err != nil {
		return false, err
	}
	reader, err := maxminddb.OpenBytes(content)
	if err != nil {
		return false, fmt.Errorf("%s is no file in MaxMind's format, or not whole: %w", d.path, err)
	}
	if err := usable(reader); err != nil {
		return false, fmt.Errorf("%s: %w", d.path, err)
	}
	d.current.Store(reader)
	return true, nil
}

// usable looks up some addresses all over the file, by which damage in the middle is likely to be found.
func usable(r *maxminddb.Reader) error {
	for network := range 256 {
		result := r.Lookup(netip.AddrFrom4([4]byte{byte(network), 1, 2, 3}))
		var record any
		if err := errors.Join(result.Err(), result.Decode(&record)); err != nil {
			return fmt.Errorf("the file is damaged: %w", err)
		}
	}
	return nil
}

// Locate returns what the file says of an address. Private, local and unknown addresses are nowhere, whatever the file says.
func (d *Database) Locate(addr netip.Addr) authn.Place {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return authn.Place{}
	}
	result := d.current.Load().Lookup(addr)
	if result.Err() != nil || !result.Found() {
		return authn.Place{}
	}
	return placeOf(result)
}
