package ivr

import (
	"context"

	"github.com/ari-go/ari/pkg/ari"
)

// playAll plays media to a channel, one after the other, and returns when they are over. When ctx ends, it stops them.
func playAll(ctx context.Context, ch *ari.Channel, lang string, media []string) error {
	if len(media) == 0 {
		return nil
	}
	_, err := ch.Prompt(ctx, ari.PromptOptions{NoBargeIn: true, FirstTimeout: -1, DigitTimeout: -1, Lang: lang}, media...)
	return err
}
