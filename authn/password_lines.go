package authn

import "slices"

// hashLines are the lines in which clients wait, one for each client network, from which they are called by turns: a network that
// sends a flood waits for itself. There are at most as many lines as may wait in all, so that looking through them costs little
// beside a hash.
type hashLines struct {
	lines   []*hashLine // whose turn it is first
	waiting int         // in all of them
}

type hashLine struct {
	network string
	waiting []*hashWaiter // first come first
}

func (l *hashLines) find(network string) int {
	return slices.IndexFunc(l.lines, func(line *hashLine) bool { return line.network == network })
}

func (l *hashLines) length(network string) int {
	if i := l.find(network); i >= 0 {
		return len(l.lines[i].waiting)
	}
	return 0
}

func (l *hashLines) add(w *hashWaiter) {
	i := l.find(w.network)
	if i < 0 {
		l.lines, i = append(l.lines, &hashLine{network: w.network}), len(l.lines)
	}
	l.lines[i].waiting = append(l.lines[i].waiting, w)
	l.waiting++
}

// remove takes w out of its line, in which it stands.
func (l *hashLines) remove(w *hashWaiter) {
	i := l.find(w.network)
	line := l.lines[i]
	at := slices.Index(line.waiting, w)
	line.waiting = slices.Delete(line.waiting, at, at+1)
	l.waiting--
	if len(line.waiting) == 0 {
		l.lines = slices.Delete(l.lines, i, i+1)
	}
}

// next takes the first who may be served out of the line whose turn it is, and of the following ones if there is none; nil: there
// is none at all.
func (l *hashLines) next(may func(*hashWaiter) bool) *hashWaiter {
	for i, line := range l.lines {
		at := slices.IndexFunc(line.waiting, may)
		if at < 0 {
			continue
		}
		w := line.waiting[at]
		l.lines = append(slices.Delete(l.lines, i, i+1), line)
		l.remove(w)
		return w
	}
	return nil
}

// ahead is how many are served before who enters a line of this length.
func (l *hashLines) ahead(length int) int {
	n := 0
	for _, line := range l.lines {
		n += min(len(line.waiting), length+1)
	}
	return n
}

// longest is the longest line.
func (l *hashLines) longest() []*hashWaiter {
	var longest []*hashWaiter
	for _, line := range l.lines {
		if len(line.waiting) > len(longest) {
			longest = line.waiting
		}
	}
	return longest
}
