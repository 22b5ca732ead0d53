package secret_test

import (
	"bytes"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/descoped/authly/authn/secret"
)

// memories are the ways to keep material; what is promised of it holds for both.
func memories(t *testing.T, check func(t *testing.T, m *secret.Memory)) {
	t.Helper()
	t.Run("pages", func(t *testing.T) {
		m := secret.NewMemory(nil)
		t.Cleanup(m.Close)
		check(t, m)
	})
	t.Run("heap", func(t *testing.T) { check(t, nil) })
}

// holds fails unless b is that material.
func holds(t *testing.T, b secret.Bytes, want string) {
	t.Helper()
	err := b.Use(func(material []byte) error {
		if string(material) != want {
			t.Errorf("it holds %q, want %q", material, want)
		}
		return nil
	})
	if err != nil || b.Len() != len(want) {
		t.Errorf("error %v, length %d", err, b.Len())
	}
}

// isGone fails unless b was released: it gives nothing, and equals nothing.
func isGone(t *testing.T, b secret.Bytes) {
	t.Helper()
	err := b.Use(func([]byte) error { t.Error("what was released is used"); return nil })
	if !errors.Is(err, secret.ErrReleased) || b.Len() != 0 || b.Equal(b) || b.Equal(secret.Bytes{}) {
		t.Errorf("error %v, length %d", err, b.Len())
	}
}

func TestBytes(t *testing.T) {
	memories(t, func(t *testing.T, m *secret.Memory) {
		for _, size := range []int{1, 63, 64, 65, 4096, 16 << 10, 16<<10 + 1, 100_000} {
			text := strings.Repeat("k", size)
			given := []byte(text)
			taken := m.Take(given)
			if strings.Trim(string(given), "\x00") != "" {
				t.Errorf("%d bytes: what was taken is still there", size)
			}
			holds(t, taken, text)
			given = []byte(text)
			copied := m.Copy(given)
			if string(given) != text {
				t.Errorf("%d bytes: what was copied is gone", size)
			}
			holds(t, copied, text)
			if !taken.Equal(copied) || !copied.Equal(taken) || taken.Equal(m.Copy([]byte(text[1:]))) {
				t.Errorf("%d bytes: wrongly compared", size)
			}
			same := taken
			same.Release()
			isGone(t, taken)
			taken.Release()
			holds(t, copied, text)
		}
	})
}

func TestEmpty(t *testing.T) {
	memories(t, func(t *testing.T, m *secret.Memory) {
		for name, b := range map[string]secret.Bytes{"zero value": {}, "taken": m.Take(nil), "copied": m.Copy([]byte{}), "random": m.Random(0)} {
			holds(t, b, "")
			b.Release()
			holds(t, b, "")
			if !b.Equal(secret.Bytes{}) || b.Equal(m.Copy([]byte{0})) {
				t.Errorf("%s: wrongly compared", name)
			}
		}
	})
}

func TestRandom(t *testing.T) {
	memories(t, func(t *testing.T, m *secret.Memory) {
		one, other := m.Random(32), m.Random(32)
		if one.Len() != 32 || one.Equal(other) || one.Equal(m.Copy(make([]byte, 32))) {
			t.Error("no chance in it")
		}
	})
}

// Released material is zeros, and what takes its place is given zeros.
func TestRelease(t *testing.T) {
	memories(t, func(t *testing.T, m *secret.Memory) {
		var kept []byte
		stays := m.Copy([]byte("beside it"))
		b := m.Copy([]byte("material"))
		err := b.Use(func(material []byte) error {
			kept = material
			b.Release()
			if string(material) != "material" {
				t.Error("it was wiped while somebody used it")
			}
			isGone(t, b)
			return nil
		})
		if err != nil || string(kept) != strings.Repeat("\x00", len(kept)) {
			t.Errorf("after its release there is %q; error %v", kept, err)
		}
		holds(t, stays, "beside it")
		next, err := m.Make(8, func(material []byte) error {
			if string(material) != strings.Repeat("\x00", 8) {
				t.Errorf("fill is given %q", material)
			}
			copy(material, "new")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		holds(t, next, "new\x00\x00\x00\x00\x00")
	})
}

func TestMakeFails(t *testing.T) {
	memories(t, func(t *testing.T, m *secret.Memory) {
		broken := errors.New("broken")
		var kept []byte
		b, err := m.Make(8, func(material []byte) error {
			kept = material
			copy(material, "half")
			return broken
		})
		if !errors.Is(err, broken) || string(kept) != strings.Repeat("\x00", 8) {
			t.Errorf("error %v, left: %q", err, kept)
		}
		isGone(t, b)
	})
}

// Use returns the error of what uses it, and gives the material back when that panics.
func TestUseFails(t *testing.T) {
	memories(t, func(t *testing.T, m *secret.Memory) {
		broken := errors.New("broken")
		b := m.Copy([]byte("material"))
		if err := b.Use(func([]byte) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
		var kept []byte
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_ = b.Use(func(material []byte) error { kept = material; panic("broken") })
		}()
		holds(t, b, "material")
		b.Release()
		if kept[0] != 0 {
			t.Error("the panic has kept it")
		}
	})
}

func TestRead(t *testing.T) {
	memories(t, func(t *testing.T, m *secret.Memory) {
		for _, size := range []int{0, 1, 511, 512, 513, 2048, 5000} {
			text := strings.Repeat("k", size)
			b, err := m.Read(iotest.HalfReader(strings.NewReader(text)), 5000)
			if err != nil {
				t.Fatal(err)
			}
			holds(t, b, text)
			if b, err = m.Read(strings.NewReader(text), size); err != nil {
				t.Errorf("%d bytes of as many: %v", size, err)
			}
			holds(t, b, text)
			if size > 0 {
				if b, err = m.Read(strings.NewReader(text), size-1); err == nil || b.Len() != 0 || strings.Contains(err.Error(), text) && size > 3 {
					t.Errorf("%d bytes of one less: %v", size, err)
				}
			}
		}
		if _, err := m.Read(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("material"))), 10); !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("error %v", err)
		}
		if _, err := m.ReadFile(t.TempDir()+"/missing", 10); err == nil {
			t.Error("a file that is not there is read")
		}
	})
}

func TestClose(t *testing.T) {
	m := secret.NewMemory(nil)
	var all []secret.Bytes
	for range 1000 {
		all = append(all, m.Random(100))
	}
	all[7].Release()
	var kept []byte
	err := all[0].Use(func(material []byte) error {
		before := bytes.Clone(material)
		m.Close()
		isGone(t, all[0])
		if !bytes.Equal(material, before) {
			t.Error("it was wiped while somebody used it")
		}
		kept = before
		return nil
	})
	if err != nil || len(kept) != 100 {
		t.Fatal(err)
	}
	for _, b := range all {
		isGone(t, b)
	}
	isGone(t, m.Take([]byte("late")))
	isGone(t, m.Random(8))
	if b, err := m.Make(8, func([]byte) error { return nil }); !errors.Is(err, secret.ErrReleased) {
		t.Errorf("made after the end: %v, error %v", b, err)
	}
	if _, err := m.Read(strings.NewReader("late"), 100); !errors.Is(err, secret.ErrReleased) {
		t.Errorf("read after the end: %v", err)
	}
	m.Close()
}

// What nobody has any more is wiped when the garbage collector finds out.
func TestForgotten(t *testing.T) {
	m := secret.NewMemory(nil)
	t.Cleanup(m.Close)
	stays := m.Copy([]byte("beside it"))
	var kept []byte
	func() {
		_ = m.Copy([]byte("material")).Use(func(material []byte) error { kept = material; return nil })
	}()
	for range 1000 {
		runtime.GC()
		if kept[0] == 0 { // of no memory of Go's: the race detector does not look there
			break
		}
		runtime.Gosched()
	}
	if string(kept) != strings.Repeat("\x00", 8) {
		t.Errorf("it is there: %q", kept)
	}
	holds(t, stays, "beside it")
}

func TestManyAtOnce(t *testing.T) {
	m := secret.NewMemory(nil)
	t.Cleanup(m.Close)
	shared := m.Copy([]byte("shared"))
	var used, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 200 {
				own := strings.Repeat(string(rune('a'+i)), 1+n*7%300)
				b := m.Copy([]byte(own))
				holds(t, b, own)
				b.Release()
				err := shared.Use(func(material []byte) error {
					used.Add(1)
					if string(material) != "shared" {
						t.Errorf("it holds %q", material)
					}
					return nil
				})
				if errors.Is(err, secret.ErrReleased) {
					refused.Add(1)
				}
				if i == 0 && n == 100 {
					shared.Release()
				}
			}
		})
	}
	all.Wait()
	if used.Load() < 100 || used.Load()+refused.Load() != 1600 || refused.Load() < 99 {
		t.Errorf("used %d times, refused %d times", used.Load(), refused.Load())
	}
}

func TestLogIsToldNothing(t *testing.T) {
	var log bytes.Buffer
	m := secret.NewMemory(slog.New(slog.NewTextHandler(&log, nil)))
	m.Random(32)
	m.Close()
	if runtime.GOOS == "linux" && log.Len() > 0 {
		t.Errorf("where pages can be locked the log is told: %s", &log)
	}
}
