package main

import (
	"context"
	"os"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// simulated is an Asterisk of package aritest.
type simulated struct{ *aritest.Server }

func newSimulated() (exchange, error) {
	srv, err := aritest.Start()
	if err != nil {
		return nil, err
	}
	return simulated{srv}, nil
}

func (simulated) String() string { return "a simulated Asterisk" }

func (s simulated) Client(application string) (*ari.Client, error) {
	s.Extension("_X.", "Stasis("+application+")")
	return s.ClientFor(application), nil
}

func (s simulated) Dial(_ context.Context, extension, name, number string) (line, error) {
	return simulatedLine{s.Call(extension, aritest.From(name+" <"+number+">"))}, nil
}

func (s simulated) Close() error {
	s.Server.Close()
	return nil
}

type simulatedLine struct{ *aritest.Call }

func (l simulatedLine) Press(_ context.Context, digits string) error {
	l.SendDTMF(digits)
	return nil
}

func (l simulatedLine) Hangup(context.Context) error {
	l.Call.Hangup()
	return nil
}

// actual is an Asterisk that the environment names. The callers are an application of our own there.
type actual struct{ callers *ari.Client }

func newReal() (exchange, error) {
	callers, err := ari.NewClient(os.Getenv("ARI_URL"), "ari-go-demo-callers",
		ari.WithBasicAuth(os.Getenv("ARI_USERNAME"), os.Getenv("ARI_PASSWORD")))
	if err != nil {
		return nil, err
	}
	return actual{callers}, nil
}

func (actual) String() string { return "the Asterisk at " + os.Getenv("ARI_URL") }

func (a actual) Client(application string) (*ari.Client, error) {
	if err := a.callers.Connect(context.Background()); err != nil {
		return nil, err
	}
	return ari.NewClient(os.Getenv("ARI_URL"), application, ari.WithBasicAuth(os.Getenv("ARI_USERNAME"), os.Getenv("ARI_PASSWORD")))
}

// Dial makes a Local channel: its first half is the caller, and its second one runs the dialplan.
func (a actual) Dial(ctx context.Context, extension, name, number string) (line, error) {
	ch, err := a.callers.ARI().Originate(ctx, ari.OriginateOptions{
		Endpoint: "Local/" + extension + "@default", CallerID: name + " <" + number + ">",
	})
	if err != nil {
		return nil, err
	}
	return actualLine{ch}, nil
}

func (a actual) Close() error { return a.callers.Close(context.Background()) }

type actualLine struct{ *ari.Channel }

func (l actualLine) ChannelID() string { return l.ID + ";2" }

func (l actualLine) Press(ctx context.Context, digits string) error {
	return l.SendDTMF(ctx, digits)
}

func (l actualLine) Hangup(ctx context.Context) error { return l.Stop(ctx) }
