// Package wire reads the frames of ARI's websocket. A [Frame] is the quick look at one that tells what it is and whom it
// concerns; a [Reader] reads one into structs, field by field, without reflection. Both take exactly what encoding/json
// takes as an object, and neither knows what is done with it.
package wire
