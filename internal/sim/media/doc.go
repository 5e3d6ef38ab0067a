// Package media knows the sounds that can be played, and the names of formats and codecs.
package media
