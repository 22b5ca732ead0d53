package config

// checkGeo looks at the names of the files. What is in them is looked at by the server, when it starts.
func (d *decoder) checkGeo() {
	for i, file := range d.config.Geo.Database {
		if file == "" {
			d.bad(at("geo.database", i), "is empty, expected the path of a file; leave the key out if there is none")
		}
	}
}
