package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/descoped/authly/authn"
)

// metrics is what /metrics on the ops listener shows: of the process, and of how well this replica follows the others.
type metrics struct {
	registry *prometheus.Registry
	lag      prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "authly_revocation_lag_seconds",
			Help:    "From the commit of what ends or changes access to its effect on this replica, by the clocks of the two.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	m.registry.MustRegister(m.lag, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observeLag(lag time.Duration) { m.lag.Observe(lag.Seconds()) }

// watch adds what is read from the follower whenever somebody asks.
func (m *metrics) watch(f *authn.Follower) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "authly_revocation_age_seconds",
		Help: "Time since this replica last read the feed of changes to its end.",
	}, func() float64 { return f.Age().Seconds() }))
	for i, kind := range []string{"sessions", "tokens", "keys", "users"} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "authly_revocation_entries",
			Help:        "Ended or changed things that this replica remembers.",
			ConstLabels: prometheus.Labels{"kind": kind},
		}, func() float64 {
			sessions, tokens, keys, users := f.Sizes()
			return float64([]int{sessions, tokens, keys, users}[i])
		}))
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
