package wire

import "fmt"

// A MisfitError says which value of an event isn't of the described type.
type MisfitError struct {
	want   string
	value  string
	offset int
}

func (e *MisfitError) Error() string {
	return fmt.Sprintf("want %s, not %s, at offset %d", e.want, e.value, e.offset)
}

// What values are meant to be.
const (
	aText    = "a text"
	aNumber  = "a number"
	aBoolean = "a boolean"
	aTime    = "a time"
	anObject = "an object"
	aList    = "a list"
)
