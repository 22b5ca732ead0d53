package main

import (
	"path"
	"strconv"
	"strings"
)

// memoryLimit returns how many bytes this process may take, together with others, as the control groups that it is in say
// (cgroups(7), both versions); 0: there is no limit, or no such thing. Files are read with read, which is os.ReadFile.
func memoryLimit(read func(name string) ([]byte, error)) uint64 {
	groups, err := read("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	least := uint64(0)
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // id:controllers:path
		if len(fields) != 3 {
			continue
		}
		root, file := "/sys/fs/cgroup", "memory.max"
		if fields[1] != "" { // of version 1, where other controllers have no such file
			root, file = path.Join(root, fields[1]), "memory.limit_in_bytes"
		}
		// In a container the group that it is in is the root of what is mounted, whatever the path says; else each of those
		// above bounds it too.
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			content, _ := read(path.Join(root, group, file))
			limit, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64) // not "max"
			if err == nil && limit > 0 && limit < noMemoryLimit && (least == 0 || limit < least) {
				least = limit
			}
			if group == "/" {
				break
			}
		}
	}
	return least
}

// noMemoryLimit is less than what version 1 says where there is no limit, and more than any machine has.
const noMemoryLimit = 1 << 60
