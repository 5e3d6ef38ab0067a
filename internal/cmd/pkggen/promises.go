package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/ari-go/ari/internal/goapi"
)

// checkPromises refuses sources that would break callers of package ari: by a method, an option or an event's field that
// is another one now, or gone. What is exported is recorded in a file. A break that is meant has its line struck there
// first.
func checkPromises(sources map[string][]byte, dir, recorded string) error {
	before, files, err := packageFiles(dir)
	if err != nil {
		return err
	}
	generated, err := names(sources, before)
	if err != nil {
		return err
	}
	maps.Copy(files, sources)
	lines, err := goapi.Lines(files)
	if err != nil {
		return err
	}
	record, err := os.ReadFile(recorded)
	if err != nil {
		return err
	}
	now := make(map[string]string, len(lines))
	for _, line := range lines {
		now[goapi.Name(line)] = line
	}
	var errs []error
	for line := range strings.Lines(string(record)) {
		line = strings.TrimSpace(line)
		name := goapi.Name(line)
		have, ok := now[name]
		switch {
		case line == "" || have == line || !generated[name]: // What is written by hand is for review.
		case !ok:
			errs = append(errs, fmt.Errorf("%s: %q would be gone", recorded, line))
		default:
			errs = append(errs, fmt.Errorf("%s: %q would become %q", recorded, line, have))
		}
	}
	if errs != nil {
		errs = append(errs, errors.New("this breaks callers: give the operation a place in api/methods.yaml under which it stays as it was; "+
			"if it is meant, strike these lines from the file first"))
	}
	return errors.Join(errs...)
}

// names returns the names of what is exported by any of the files.
func names(sets ...map[string][]byte) (map[string]bool, error) {
	all := make(map[string]bool)
	for _, files := range sets {
		lines, err := goapi.Lines(files)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			all[goapi.Name(line)] = true
		}
	}
	return all, nil
}

// packageFiles returns the package's files, without its tests: those that were generated before, and the others.
func packageFiles(dir string) (generated, others map[string][]byte, err error) {
	generated, others = make(map[string][]byte), make(map[string][]byte)
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, nil, err
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		if strings.HasSuffix(name, ".gen.go") {
			generated[name] = src
		} else {
			others[name] = src
		}
	}
	return generated, others, nil
}
