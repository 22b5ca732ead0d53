package main

import (
	"io/fs"
	"testing"
)

func TestMemoryLimit(t *testing.T) {
	const groups = "/proc/self/cgroup"
	for name, tt := range map[string]struct {
		files map[string]string
		want  uint64
	}{
		"another system":         {nil, 0},
		"no limit":               {map[string]string{groups: "0::/a\n", "/sys/fs/cgroup/a/memory.max": "max\n"}, 0},
		"a container":            {map[string]string{groups: "0::/\n", "/sys/fs/cgroup/memory.max": "67108864\n"}, 64 << 20},
		"a container, told more": {map[string]string{groups: "0::/pods/x\n", "/sys/fs/cgroup/memory.max": "67108864\n"}, 64 << 20},
		"a service": {map[string]string{groups: "0::/system.slice/authly.service\n",
			"/sys/fs/cgroup/system.slice/memory.max": "2097152\n", "/sys/fs/cgroup/system.slice/authly.service/memory.max": "1048576\n"}, 1 << 20},
		"a service in less": {map[string]string{groups: "0::/system.slice/authly.service\n",
			"/sys/fs/cgroup/system.slice/memory.max": "1048576\n", "/sys/fs/cgroup/system.slice/authly.service/memory.max": "2097152\n"}, 1 << 20},
		"version 1":           {map[string]string{groups: "5:cpu:/a\n4:memory:/a\n0::/\n", "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1048576\n"}, 1 << 20},
		"version 1, no limit": {map[string]string{groups: "4:memory:/\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"nonsense":            {map[string]string{groups: "x\n0::/\n", "/sys/fs/cgroup/memory.max": "-1\n"}, 0},
	} {
		got := memoryLimit(func(name string) ([]byte, error) {
			if content, ok := tt.files[name]; ok {
				return []byte(content), nil
			}
			return nil, fs.ErrNotExist
		})
		if got != tt.want {
			t.Errorf("%s: %d bytes, want %d", name, got, tt.want)
		}
	}
}

// Where there is little memory, garbage takes little of it.
func TestHeapFloorYields(t *testing.T) {
	for limit, want := range map[uint64]uint64{0: heapFloor, 1 << 40: heapFloor, 256 << 20: heapFloor, 128 << 20: 32 << 20, 64 << 20: 16 << 20} {
		if got := floorFor(limit); got != want {
			t.Errorf("of %d bytes: %d, want %d", limit, got, want)
		}
	}
	if got := percentFor(floorFor(8<<20), 0, 0); got != 100 {
		t.Errorf("of very little: %d %%, want 100", got)
	}
}
