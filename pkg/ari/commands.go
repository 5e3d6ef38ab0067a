package ari

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ari-go/ari/internal/wire"
)

// What a session does for commands that go over its websockets.

func (s *session) roads() *roads { return s.ctrl.chain.roads }

// carry makes commands go over a connection, if it takes any, until the connection ends.
func (s *session) carry(conn Connection) (end func(reason error)) {
	sender, ok := conn.(Sender)
	if !ok {
		return func(error) {}
	}
	sock := newCommandSocket(sender)
	s.roads().attach(sock)
	return func(reason error) { s.roads().detach(sock, reason) }
}

// answered takes an answer to a command.
func (s *session) answered(frame []byte) {
	if sock := s.roads().events.Load(); sock != nil {
		sock.answer(frame)
	}
}

var answerMark = []byte(`"RESTResponse"`)

// late takes what comes after the session's end: answers to commands by which handlers clean up.
func (s *session) late(frame []byte) {
	if bytes.Contains(frame, answerMark) && isAnswerFrame(frame) {
		s.answered(frame)
	}
}

// isAnswerFrame reports whether a frame is an answer to a command.
func isAnswerFrame(frame []byte) bool {
	var scan wire.Frame
	return scan.Scan(frame) == nil && string(scan.Text(scan.Type)) == "RESTResponse"
}

// endCommands ends what is open besides the session's own connection.
func (s *session) endCommands() {
	s.roads().over.Store(true)
	if s.roads().pool != nil {
		s.roads().pool.close(s.ctx, ErrClosed)
	}
}

// checkCommands makes sure that Asterisk takes commands by the transport that is wished for.
func (s *session) checkCommands(ctx context.Context) error {
	if s.roads().policy != CommandsWebsocket {
		return nil
	}
	if err := s.roads().check(ctx, s.cfg.authorization()); err != nil {
		return annotate(fmt.Sprintf("connect to %s", s.src), err)
	}
	return nil
}
