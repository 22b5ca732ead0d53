package proxy

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// frame returns a frame with a payload of the given length; masked as only clients may.
func frame(op byte, length int, masked bool) []byte {
	var mask byte
	if masked {
		mask = 0x80
	}
	b := []byte{op}
	switch {
	case length > 0xffff:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(length))
	case length > 125:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(length))
	default:
		b = append(b, mask|byte(length))
	}
	if masked {
		b = append(b, 1, 2, 3, 4)
	}
	return append(b, bytes.Repeat([]byte{0x88}, length)...)
}

// However the bytes are cut into pieces, the ends of frames are found, and nothing else.
func TestFramesFindTheirEnds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var all []byte
		ends := map[int]bool{0: true}
		for range 1 + random.IntN(6) {
			length := []int{0, 1, 2, 124, 125, 126, 127, 128, 0xfffe, 0xffff, 0x10000, 70_000}[random.IntN(12)]
			all = append(all, frame([]byte{0x01, 0x00, 0x80, 0x82, 0xc1, 0x89}[random.IntN(6)], length, random.IntN(4) == 0)...)
			ends[len(all)] = true
		}
		var f, g frames
		for at := 0; at < len(all); {
			n := min(len(all)-at, 1+random.IntN([]int{1, 3, 200, 100_000}[random.IntN(4)]))
			f.follow(all[at : at+n])
			for rest := all[at : at+n]; len(rest) > 0; {
				took := g.frame(rest)
				if rest = rest[took:]; len(rest) > 0 && !g.between() {
					t.Fatal("stopped in the middle of a frame")
				}
			}
			if at += n; f.between() != ends[at] || g.between() != ends[at] {
				t.Fatalf("at %d of %d: between frames: %t, %t, want %t", at, len(all), f.between(), g.between(), ends[at])
			}
		}
		if f.last {
			t.Fatal("saw a close frame where there is none")
		}
		f.follow(closeFrame(1000, "bye"))
		if !f.last || !f.between() {
			t.Fatal("did not see a close frame")
		}
	}
}

// A length that no frame can have is a frame that never ends.
func TestFrameWithoutEnd(t *testing.T) {
	var f frames
	f.follow(append([]byte{0x82, 127}, bytes.Repeat([]byte{0xff}, 8)...))
	f.follow(make([]byte, 1<<20))
	if f.between() {
		t.Error("it has ended")
	}
}
