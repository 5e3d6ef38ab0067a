package ari

import "github.com/ari-go/ari/gen"

// Sound is a sound that is installed in Asterisk, and its controller.
type Sound struct {
	gen.Sound
	ctrl *Controller
}

// Sound returns a handle for a sound by its id, such as hello-world, without a request.
func (c *Controller) Sound(id string) *Sound {
	return &Sound{Sound: gen.Sound{ID: id}, ctrl: c}
}
