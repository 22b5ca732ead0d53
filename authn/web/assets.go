package web

import (
	"embed"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
)

//go:embed assets
var builtinAssets embed.FS

// assetsPath is where style and scripts are, below the prefix.
const assetsPath = "/auth/assets"

// asset is something that is the same for everybody.
type asset struct {
	kind    string // its media type
	content []byte
}

// readAssets returns what is served as it is, by path: the built-in files, the folder's style.css in place of that, and what the brand adds.
func readAssets(folder, at string, brand Brand) (map[string]asset, error) {
	all := map[string]asset{}
	entries, err := fs.ReadDir(builtinAssets, "assets")
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, e := range entries {
		known[e.Name()] = true
		content, err := readOver(builtinAssets, folder, "assets/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		all[at+"/"+e.Name()] = asset{kind: mime.TypeByExtension(path.Ext(e.Name())), content: content}
	}
	all[at+"/brand.css"] = asset{kind: "text/css; charset=utf-8", content: brand.style()}
	if brand.Logo != nil {
		all[at+"/"+brand.logoName()] = asset{kind: brand.LogoType, content: brand.Logo}
	}
	return all, onlyKnown(folder, "assets", func(name string) bool { return known[name] })
}

// publish answers with an asset.
func (p *Pages) publish(w http.ResponseWriter, r *http.Request, a asset) {
	beginWait(w, r)
	if !isRead(r) {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox") // a logo that is opened by itself is a page
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.content)))
	_, _ = w.Write(a.content) // a client that has gone away is nobody's error
}
