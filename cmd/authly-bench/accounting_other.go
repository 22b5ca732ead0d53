//go:build !linux

package main

import (
	"errors"
	"runtime"
	"syscall"
	"time"
)

var errNotLinux = errors.New("processor time, memory and limits of other processes are read on Linux only")

func processorTime([]int) (time.Duration, error)  { return 0, errNotLinux }
func resident([]int) (now, most int64, err error) { return 0, 0, errNotLinux }
func family(int) ([]int, error)                   { return nil, errNotLinux }
func allowFiles(int, uint64) (uint64, error)      { return 0, errNotLinux }
func kernel() string                              { return runtime.GOOS }
func processor() string                           { return runtime.GOARCH }
func memory() int64                               { return 0 }
func busy() string                                { return "unknown" }
func sleepUntil(t time.Time)                      { time.Sleep(time.Until(t)) }

func portWhenConnected(string, string, syscall.RawConn) error { return nil }

func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
