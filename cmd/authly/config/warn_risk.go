package config

// aloneAtMost is the most that a new device or a new network alone makes of the risk.
const aloneAtMost = 0.45

// risk warns of refusals that hit people on an ordinary day.
func (w *warnings) risk() {
	r := w.config.Risk
	if r.DenyAbove < aloneAtMost {
		w.add("risk.deny_above", "Is low: people with a new browser are refused, as if their password were wrong.")
	}
	if r.DenyAbove < 1 && len(w.config.Geo.Database) == 0 {
		w.add("risk.deny_above", "Without geo.database nobody knows where a sign-in comes from: only devices, networks and hours count.")
	}
}
