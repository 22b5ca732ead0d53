package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/descoped/authly/authn"
)

// showMail adds what an outbox knows of itself and of the queue. It is called once.
func (m *metrics) showMail(o *authn.Outbox, now func() time.Time) {
	gauge := func(name, help string, value func(authn.MailQueue) float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return value(o.Counts().Queue) }))
	}
	counter := func(name, help string, value func(authn.OutboxCounts) int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value(o.Counts())) }))
	}
	gauge("authly_mail_queued", "Mails that wait, of all replicas.", func(q authn.MailQueue) float64 { return float64(q.Waiting) })
	gauge("authly_mail_dead", "Mails given up in the last 30 days, of all replicas.", func(q authn.MailQueue) float64 { return float64(q.Dead) })
	gauge("authly_mail_oldest_age_seconds", "Age of the mail that waits for longest; 0: none waits.", func(q authn.MailQueue) float64 {
		if q.Oldest.IsZero() {
			return 0
		}
		return max(0, now().Sub(q.Oldest).Seconds())
	})
	counter("authly_mail_sent_total", "Mails that the mail server has taken from this replica.",
		func(c authn.OutboxCounts) int64 { return c.Sent })
	counter("authly_mail_failed_total", "Attempts of this replica to send a mail that failed.",
		func(c authn.OutboxCounts) int64 { return c.Failed })
}
