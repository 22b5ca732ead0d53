package config

// Warning is something that is allowed but risky.
type Warning struct {
	Key  string // path of the key that it is about, or a variable's name
	Text string // a plain sentence
}

func (c *Config) Warnings() []Warning { return c.strays }

func strays(env map[string]string, known map[string]bool) []Warning { return nil }
