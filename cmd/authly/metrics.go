package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/descoped/authly/authn"
)

// metrics is what /metrics on the ops listener tells: memory, goroutines, processor time and open files of the process, and
// how well it keeps up with what was taken back.
type metrics struct {
	registry *prometheus.Registry
	lag      prometheus.Histogram
	reloads  reloadMetrics
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), lag: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "authly_revocation_lag_seconds",
		Help: "Time from the commit of a change on any replica to its effect on this one, by the clocks of both.",
		// The goal is a tenth of a second at the 99th percentile and a quarter at most.
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	})}
	m.reloads = newReloadMetrics(m.registry)
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.lag)
	return m
}

func (m *metrics) observeLag(lag time.Duration) { m.lag.Observe(lag.Seconds()) }

// show adds what a follower knows of itself. It is called once.
func (m *metrics) show(f *authn.Follower) {
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	gauge("authly_revocation_age_seconds", "Time since it was last confirmed that every change is known.", nil,
		func() float64 { return f.Age().Seconds() })
	gauge("authly_revocation_trusted", "Whether tokens are checked against memory (1), or the store is asked each time (0).", nil,
		func() float64 {
			if f.Fresh() {
				return 1
			}
			return 0
		})
	for kind, size := range map[string]func(authn.FollowerSizes) int{
		"session": func(s authn.FollowerSizes) int { return s.Sessions },
		"token":   func(s authn.FollowerSizes) int { return s.Tokens },
		"key":     func(s authn.FollowerSizes) int { return s.Keys },
		"user":    func(s authn.FollowerSizes) int { return s.Users },
	} {
		gauge("authly_revocation_entries", "What is remembered as ended or changed, until no token needs it any more.",
			prometheus.Labels{"kind": kind}, func() float64 { return float64(size(f.Sizes())) })
	}
}

// showLimits adds whether limits are shared, where they are to be. It is called once.
func (m *metrics) showLimits(l *authn.Limits) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "authly_limits_shared",
		Help: "Whether requests are counted together with other replicas (1), or by this one alone while limits.backend is away (0).",
	}, func() float64 {
		if l.Shared() {
			return 1
		}
		return 0
	}))
}

// showLogins adds how busy the hashing of passwords is. It is called once.
func (m *metrics) showLogins(p *authn.Passwords) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "authly_password_waiting", Help: "Logins and new passwords that wait to be looked at."},
			func() float64 { return float64(p.Load().Waiting) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "authly_password_served", Help: "Logins and new passwords that are being looked at."},
			func() float64 { return float64(p.Load().Served) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "authly_password_seconds", Help: "How long one is looked at, of late."},
			func() float64 { return p.Load().Took.Seconds() }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "authly_password_shed_total", Help: "Logins and new passwords that were refused since they would have waited too long."},
			func() float64 { return float64(p.Load().Shed) }),
	)
}

// showHSM adds whether the HSM does what it is asked, where there is one. It is called once.
func (m *metrics) showHSM(token hsmToken) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "authly_hsm_available", Help: "Whether the HSM does what it is asked (1), or nobody gets new tokens (0).",
	}, func() float64 {
		if token.Away() == nil {
			return 1
		}
		return 0
	}))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
