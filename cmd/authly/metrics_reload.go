package main

import "github.com/prometheus/client_golang/prometheus"

// reloadMetrics tell whether changes of the configuration are taken up.
type reloadMetrics struct {
	good, bad prometheus.Counter
	current   prometheus.Gauge
}

func newReloadMetrics(registry *prometheus.Registry) reloadMetrics {
	count := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "authly_configuration_reloads_total", Help: "Changes of the configuration that were taken up, or refused since something was wrong with them.",
	}, []string{"outcome"})
	m := reloadMetrics{good: count.WithLabelValues("success"), bad: count.WithLabelValues("failure"), current: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "authly_configuration_current", Help: "Whether the last change of the configuration was taken up (1), or refused (0).",
	})}
	m.current.Set(1)
	registry.MustRegister(count, m.current)
	return m
}

func (m reloadMetrics) took() {
	m.good.Inc()
	m.current.Set(1)
}

func (m reloadMetrics) refused() {
	m.bad.Inc()
	m.current.Set(0)
}
