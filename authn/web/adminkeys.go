package web

import (
	"errors"
	"slices"

	"github.com/descoped/authly/authn"
)

// keysPath is where administrators look after signing keys.
const keysPath = adminPath + "/keys"

// keyPages are the signing keys. What is dangerous has a page of its own, which says what it is going to do.
func (p *Pages) keyPages() []page {
	return []page{
		{
			path: keysPath, name: "keys", menu: adminMenu, show: (*visit).showKeys, act: (*visit).rotateKey,
			fields: []field{{name: "purpose", kind: "hidden"}},
		},
		{path: keysPath + "/{purpose}/replace", name: "key_replace", menu: adminMenu, under: keysPath, show: (*visit).showReplace, act: (*visit).replaceKey},
		{path: keysPath + "/{key}/revoke", name: "key_revoke", menu: adminMenu, under: keysPath, show: (*visit).showRevoke, act: (*visit).revokeKey},
	}
}

// purposeView is what keys of one purpose are for, where they come from, and which there are.
type purposeView struct {
	Purpose   authn.KeyPurpose
	Algorithm string
	Origin    string // in words
	Rotation  string // in words; empty: they are not replaced here
	Life      string
	Keys      []keyView
	CanRotate bool
	Waits     bool   // the next one is there already
	Replace   string // where to have one sign at once
}

// keyView is a key, and when it does what.
type keyView struct {
	authn.KeyView
	State  coded
	Revoke string // where that is done; empty: it is not
}

func (v *visit) showKeys() (any, error) {
	keys := v.cfg.Keys.Managed()
	plans, err := keys.Plans(v.caller)
	if err != nil {
		return nil, err
	}
	views, err := keys.List(v.r.Context(), v.caller)
	if err != nil {
		return nil, err
	}
	var shown []purposeView
	for _, plan := range plans {
		p := v.purposeView(plan)
		for _, k := range views {
			if k.Purpose == plan.Purpose {
				p.Keys = append(p.Keys, v.keyView(k))
				p.Waits = p.Waits || k.State == authn.KeyNext
			}
		}
		if !plan.Idle || len(p.Keys) > 0 {
			shown = append(shown, p)
		}
	}
	return shown, nil
}

func (v *visit) purposeView(plan authn.KeyPlan) purposeView {
	p := purposeView{Purpose: plan.Purpose, Algorithm: plan.Algorithm, Life: v.tongue.lasting(plan.Life)}
	switch {
	case plan.Idle:
		p.Origin = v.t("keys.origin.idle")
		return p
	case !plan.Managed:
		p.Origin = v.t("keys.origin.secret")
		return p
	case plan.InHSM:
		p.Origin = v.t("keys.origin.hsm")
	default:
		p.Origin = v.t("keys.origin.store")
	}
	p.CanRotate, p.Replace = true, v.path(keysPath+"/"+string(plan.Purpose)+"/replace")
	p.Rotation = v.t("keys.rotation.none")
	if plan.RotateEvery > 0 {
		p.Rotation = v.t("keys.rotation.every", "Time", v.tongue.lasting(plan.RotateEvery))
	}
	return p
}

func (v *visit) keyView(k authn.KeyView) keyView {
	shown := keyView{KeyView: k, State: v.coded("keys.state.", string(k.State))}
	if !k.Configured && k.State != authn.KeyRevoked {
		shown.Revoke = v.path(keysPath + "/" + k.ID + "/revoke")
	}
	return shown
}

// rotateKey has the next key of a purpose made, which everybody can learn of before it signs.
func (v *visit) rotateKey() error {
	if _, err := v.cfg.Keys.Managed().Rotate(v.r.Context(), v.caller, authn.KeyPurpose(v.sent["purpose"]), false); err != nil {
		return keyRefusal(err)
	}
	v.goTo(keysPath, "key_rotated")
	return nil
}

// replaceView is what the page asks before a key signs at once.
type replaceView struct {
	Purpose  authn.KeyPurpose
	IsPublic bool // others check what it signs by a public key that they have fetched
	Every    string
}

func (v *visit) showReplace() (any, error) {
	plans, err := v.cfg.Keys.Managed().Plans(v.caller)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(plans, func(p authn.KeyPlan) bool { return string(p.Purpose) == v.vars["purpose"] && p.Managed && !p.Idle })
	if i < 0 {
		return nil, authn.Refuse(authn.CodeNotFound, "There are no such keys to replace")
	}
	return replaceView{plans[i].Purpose, plans[i].Public, v.tongue.lasting(authn.PublishAhead / 2)}, nil
}

func (v *visit) replaceKey() error {
	if _, err := v.cfg.Keys.Managed().Rotate(v.r.Context(), v.caller, authn.KeyPurpose(v.vars["purpose"]), true); err != nil {
		return keyRefusal(err)
	}
	v.goTo(keysPath, "key_replaced")
	return nil
}

// showRevoke shows the key that would be revoked.
func (v *visit) showRevoke() (any, error) {
	views, err := v.cfg.Keys.Managed().List(v.r.Context(), v.caller)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(views, func(k authn.KeyView) bool { return k.ID == v.vars["key"] })
	switch {
	case i < 0:
		return nil, authn.Refuse(authn.CodeNotFound, "Key not found")
	case views[i].Configured:
		return nil, authn.Refuse(authn.CodeConflict, "This is a secret of the configuration: what it has signed dies when it is replaced there")
	case views[i].State == authn.KeyRevoked:
		return nil, authn.Refuse(authn.CodeConflict, "The key is revoked already")
	}
	return v.keyView(views[i]), nil
}

func (v *visit) revokeKey() error {
	if _, _, err := v.cfg.Keys.Managed().Revoke(v.r.Context(), v.caller, v.vars["key"]); err != nil {
		return keyRefusal(err)
	}
	v.goTo(keysPath, "key_revoked")
	return nil
}

// keyRefusal tells an administrator that a key cannot be opened, which the log alone would tell.
func keyRefusal(err error) error {
	if errors.Is(err, authn.ErrKeySealed) {
		return &authn.Error{Code: authn.CodeConflict, Detail: "A key that is there cannot be opened: put back what it is sealed with, or revoke it", Cause: err}
	}
	return err
}
