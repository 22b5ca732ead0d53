package web

import (
	"time"

	"golang.org/x/text/language"
	printing "golang.org/x/text/message"

	"github.com/descoped/authly/authn"
)

// The size of a chart, in units of its own. A browser makes it as wide as there is room.
const (
	chartHeight = 60
	barWidth    = 8
	barPitch    = 10
)

// chart is how often something happened in each hour of a day: a bar for each, and what a person who does not see them is told.
type chart struct {
	Name        string // of its style
	Title       string
	Total, Most string // of the day, and of its busiest hour
	Width       int
	Height      int
	Bars        []bar // none for an hour in which nothing happened
	From        time.Time
	Events      string // where the events are
}

// bar is an hour, and what is told of it where a mouse points.
type bar struct {
	X, Y, Width, Height int
	Hour, Count         string
}

// drawChart draws a chart. Of different charts the bars are not to be compared: each fills its own.
func (v *visit) drawChart(name, title string, hours []authn.ActivityHour, count func(authn.ActivityHour) int) chart {
	total, most := 0, 0
	for _, h := range hours {
		total, most = total+count(h), max(most, count(h))
	}
	c := chart{
		Name: name, Title: title, Total: v.number(total), Most: v.number(most), Width: len(hours) * barPitch, Height: chartHeight, From: hours[0].From,
	}
	for i, h := range hours {
		n := count(h)
		if n == 0 {
			continue
		}
		height := max(1, int(int64(n)*chartHeight/int64(most))) // one is seen beside a million
		c.Bars = append(c.Bars, bar{
			X: i*barPitch + (barPitch-barWidth)/2, Y: chartHeight - height, Width: barWidth, Height: height,
			Hour: h.From.Format("15:04"), Count: v.number(n),
		})
	}
	return c
}

// number is a number as the language writes it.
func (v *visit) number(n int) string {
	return printing.NewPrinter(language.Make(v.tongue.tag)).Sprint(n)
}
