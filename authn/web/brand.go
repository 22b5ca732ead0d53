package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
)

// Brand is whose pages they seem to be.
type Brand struct {
	Name  string // empty: Authly
	Links []BrandLink

	// Logo is a picture that stands beside the name, and its media type; nil: there is none.
	Logo     []byte
	LogoType string

	// Accent is the colour of buttons and links on a light background, AccentDark on a dark one: #rrggbb. Empty: the built-in one.
	Accent, AccentDark string

	LogoURL string // where the templates find the logo; set by this package
}

// BrandLink is shown at the end of every page.
type BrandLink struct{ Title, URL string }

// shown is the brand as templates see it.
func (b Brand) shown(assets string) Brand {
	if b.Name == "" {
		b.Name = "Authly"
	}
	if b.Logo != nil {
		b.LogoURL = assets + "/" + b.logoName()
	}
	return b
}

// logoName is another one for another logo, so that no browser shows the old one.
func (b Brand) logoName() string {
	sum := sha256.Sum256(b.Logo)
	return "logo-" + hex.EncodeToString(sum[:4])
}

// The colours of before, which style.css has too.
const (
	accent     = "#1a4b8c"
	accentDark = "#8ab4f8"
)

// style overrules the colours of style.css. What stands on the accent is black or white, whichever is easier to read.
func (b Brand) style() []byte {
	var css bytes.Buffer
	if b.Accent == "" && b.AccentDark == "" {
		return nil
	}
	light, dark := b.Accent, b.AccentDark
	if light == "" {
		light = accent
	}
	if dark == "" {
		dark = accentDark
	}
	fmt.Fprintf(&css, ":root { --act: light-dark(%s, %s); --act-ink: light-dark(%s, %s); }\n", light, dark, inkOn(light), inkOn(dark))
	return css.Bytes()
}

// inkOn is black or white.
func inkOn(background string) string {
	if Contrast(background, "#000000") > Contrast(background, "#ffffff") {
		return "#000000"
	}
	return "#ffffff"
}

// Contrast is the contrast ratio of two colours #rrggbb, from 1 to 21 (WCAG 2.2); 0 if one is no such colour. Text needs 4.5.
func Contrast(a, b string) float64 {
	x, okX := luminance(a)
	y, okY := luminance(b)
	if !okX || !okY {
		return 0
	}
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of WCAG 2.2, from 0 to 1.
func luminance(colour string) (float64, bool) {
	if len(colour) != 7 || colour[0] != '#' {
		return 0, false
	}
	bits, err := strconv.ParseUint(colour[1:], 16, 24)
	if err != nil {
		return 0, false
	}
	part := func(shift int) float64 {
		c := float64(bits>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0), true
}
