package web

// Paths are those of all pages that can be opened, as in the table.
func (p *Pages) Paths() (all []string) {
	for i := range p.pages {
		if !p.pages[i].blind() {
			all = append(all, p.pages[i].path)
		}
	}
	return all
}
