package secret

import (
	"os"
	"slices"
)

const (
	// unit is what room is given out by, in bytes.
	unit = 64

	// chunkBytes is how much is asked of the system at a time: little enough for a few of them to be locked where 64 KiB may be.
	chunkBytes = 16 << 10
)

// chunk is a row of pages that were taken at once.
type chunk struct {
	pages func() []byte
	taken []bool // by unit
	free  func() // gives the pages back
}

// room returns where n bytes are free, which are zeros.
func (m *Memory) room(n int) (from *chunk, first int) {
	units := unitsOf(n)
	for _, c := range m.chunks {
		if first := c.run(units); first >= 0 {
			c.mark(first, units, true)
			return c, first
		}
	}
	page := os.Getpagesize()
	size := max(chunkBytes, (n+page-1)/page*page)
	pages, free, err := newPages(size)
	if err != nil && !m.told {
		m.told = true
		m.log.Warn("key material is not kept as well as it could be: it may be written to swap, or to the file of a crash", "error", err)
	}
	c := &chunk{pages: func() []byte { return pages }, taken: make([]bool, size/unit), free: free}
	m.chunks = append(m.chunks, c)
	c.mark(0, units, true)
	return c, 0
}

func unitsOf(n int) int { return (n + unit - 1) / unit }

// run returns where so many units are free in a row; -1: nowhere.
func (c *chunk) run(units int) int {
	length := 0
	for i, taken := range c.taken {
		if length++; taken {
			length = 0
		}
		if length == units {
			return i + 1 - units
		}
	}
	return -1
}

func (c *chunk) mark(first, units int, taken bool) {
	for i := range units {
		c.taken[first+i] = taken
	}
}

func (c *chunk) slice(first, n int) []byte {
	start := first * unit
	return c.pages()[start : start+n : start+n]
}

func (c *chunk) give(first, n int) { c.mark(first, unitsOf(n), false) }

// dropEmpty gives empty chunks back to the system. One is kept until Close, lest a single secret that comes and goes costs system
// calls each time.
func (m *Memory) dropEmpty() {
	kept := false
	m.chunks = slices.DeleteFunc(m.chunks, func(c *chunk) bool {
		if slices.Contains(c.taken, true) {
			return false
		}
		if !kept && !m.closed && len(c.taken) == chunkBytes/unit {
			kept = true
			return false
		}
		c.free()
		return true
	})
}
