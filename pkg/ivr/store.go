package ivr

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// A mailbox is what a store has of one.
type mailbox struct {
	Messages []Message `json:"messages,omitempty"`
	Greeting string    `json:"greeting,omitempty"`
}

func (b *mailbox) put(m Message) {
	if i := slices.IndexFunc(b.Messages, func(o Message) bool { return o.ID == m.ID }); i >= 0 {
		b.Messages[i] = m
		return
	}
	b.Messages = append(b.Messages, m)
}

func (b *mailbox) drop(id string) {
	b.Messages = slices.DeleteFunc(b.Messages, func(m Message) bool { return m.ID == id })
}

// MemoryStore keeps mailboxes in memory. The zero value is empty and ready.
type MemoryStore struct {
	mu    sync.Mutex
	boxes map[string]*mailbox
}

func (s *MemoryStore) with(name string, do func(b *mailbox)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.boxes == nil {
		s.boxes = make(map[string]*mailbox)
	}
	if s.boxes[name] == nil {
		s.boxes[name] = &mailbox{}
	}
	do(s.boxes[name])
}

// Messages implements [Store].
func (s *MemoryStore) Messages(_ context.Context, name string) (all []Message, _ error) {
	s.with(name, func(b *mailbox) { all = slices.Clone(b.Messages) })
	return all, nil
}

// Put implements [Store].
func (s *MemoryStore) Put(_ context.Context, name string, m Message) error {
	s.with(name, func(b *mailbox) { b.put(m) })
	return nil
}

// Delete implements [Store].
func (s *MemoryStore) Delete(_ context.Context, name, id string) error {
	s.with(name, func(b *mailbox) { b.drop(id) })
	return nil
}

// Greeting implements [Store].
func (s *MemoryStore) Greeting(_ context.Context, name string) (recording string, _ error) {
	s.with(name, func(b *mailbox) { recording = b.Greeting })
	return recording, nil
}

// SetGreeting implements [Store].
func (s *MemoryStore) SetGreeting(_ context.Context, name, recording string) error {
	s.with(name, func(b *mailbox) { b.Greeting = recording })
	return nil
}

// FileStore keeps mailboxes in files, one for each. Only one process may use its folder. A file is written anew and renamed, so that
// it is whole whatever happens.
type FileStore struct {
	// Dir is the folder; it must be there.
	Dir string

	mu sync.Mutex
}

func (s *FileStore) path(name string) string {
	return filepath.Join(s.Dir, "mailbox-"+url.PathEscape(name)+".json")
}

func (s *FileStore) load(name string) (*mailbox, error) {
	b := &mailbox{}
	data, err := os.ReadFile(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	return b, json.Unmarshal(data, b)
}

// change changes a mailbox.
func (s *FileStore) change(name string, do func(b *mailbox)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.load(name)
	if err != nil {
		return err
	}
	do(b)
	data, err := json.MarshalIndent(b, "", "\t")
	if err != nil {
		return err
	}
	next := s.path(name) + ".new"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, s.path(name))
}

// Messages implements [Store].
func (s *FileStore) Messages(_ context.Context, name string) ([]Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.load(name)
	if err != nil {
		return nil, err
	}
	return b.Messages, nil
}

// Put implements [Store].
func (s *FileStore) Put(_ context.Context, name string, m Message) error {
	return s.change(name, func(b *mailbox) { b.put(m) })
}

// Delete implements [Store].
func (s *FileStore) Delete(_ context.Context, name, id string) error {
	return s.change(name, func(b *mailbox) { b.drop(id) })
}

// Greeting implements [Store].
func (s *FileStore) Greeting(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.load(name)
	if err != nil {
		return "", err
	}
	return b.Greeting, nil
}

// SetGreeting implements [Store].
func (s *FileStore) SetGreeting(_ context.Context, name, recording string) error {
	return s.change(name, func(b *mailbox) { b.Greeting = recording })
}
