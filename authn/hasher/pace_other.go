//go:build !linux

package hasher

import "syscall"

// Quota returns 0: there is none that is known.
func Quota() float64 { return 0 }

func (c *child) pace(float64) {}

func (c *child) proceed() {}

func bound() *syscall.SysProcAttr { return nil }
