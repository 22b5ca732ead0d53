package hasher

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// Quota returns how many processors this process and those that it starts may use in all, as the control groups that it is in say
// (cgroups(7), both versions); 0: as many as there are.
func Quota() float64 {
	content, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	least := 0.0
	for line := range strings.Lines(string(content)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // id:controllers:path
		if len(fields) != 3 {
			continue
		}
		root, read := "/sys/fs/cgroup", quotaV2
		if fields[1] != "" {
			root, read = path.Join(root, fields[1]), quotaV1
		}
		// In a container the group that it is in is the root of what is mounted, whatever the path says; else each of those
		// above bounds it too.
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			if quota := read(path.Join(root, group)); quota > 0 && (least == 0 || quota < least) {
				least = quota
			}
			if group == "/" {
				break
			}
		}
	}
	return least
}

func quotaV2(group string) float64 {
	quota, period, _ := strings.Cut(number(group, "cpu.max"), " ")
	return share(quota, period)
}

func quotaV1(group string) float64 {
	return share(number(group, "cpu.cfs_quota_us"), number(group, "cpu.cfs_period_us"))
}

func number(group, file string) string {
	content, _ := os.ReadFile(path.Join(group, file)) // #nosec G304 -- of the control groups of this process; other controllers have no such file
	return strings.TrimSpace(string(content))
}

// share is what the kernel's words say: "max" and -1 are no bound.
func share(quota, period string) float64 {
	q, err := strconv.ParseFloat(quota, 64)
	p, periodErr := strconv.ParseFloat(period, 64)
	if err != nil || periodErr != nil || q <= 0 || p <= 0 {
		return 0
	}
	return q / p
}
