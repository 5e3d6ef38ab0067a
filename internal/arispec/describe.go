package arispec

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Describe makes the OpenAPI description of an imported spec: converted, with the overlay applied, and
// validated. Unless strict, it also returns the overlay's targets that match nothing.
func Describe(ctx context.Context, imported *Imported, history *History, overlay []byte, strict bool) (description []byte, unmatched []string, err error) {
	converted, err := Convert(imported.Spec, imported.Source.Version, history)
	if err != nil {
		return nil, nil, err
	}
	description, unmatched, err = Overlay(converted, overlay, history, strict)
	if err != nil {
		return nil, nil, err
	}
	if _, err := load(ctx, description); err != nil {
		return nil, nil, err
	}
	return description, unmatched, nil
}

// load reads a description, and reports where it isn't valid OpenAPI.
func load(ctx context.Context, description []byte) (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err == nil {
		err = doc.Validate(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("arispec: the description isn't valid OpenAPI: %w", err)
	}
	return doc, nil
}

// sinceSentences are what the history adds to a text.
var sinceSentences = regexp.MustCompile("(^| )(Since|`[^`]+`(, `[^`]+`)* since) Asterisk [0-9., ]+\\.")

// SinceSentences returns what the history has added to a text.
func SinceSentences(text string) string {
	return strings.TrimSpace(strings.Join(sinceSentences.FindAllString(text, -1), ""))
}

// Undocumented lists what of a description has no text, other than since when it exists: tags,
// operations, parameters, members of bodies, models and properties.
func Undocumented(ctx context.Context, description []byte) ([]string, error) {
	doc, err := load(ctx, description)
	if err != nil {
		return nil, err
	}
	var missing []string
	want := func(text, format string, args ...any) {
		if sinceSentences.ReplaceAllString(text, "") == "" {
			missing = append(missing, fmt.Sprintf(format, args...))
		}
	}
	for _, tag := range doc.Tags {
		want(tag.Description, "tag %s", tag.Name)
	}
	for _, path := range sortedKeys(doc.Paths.Map()) {
		operations := doc.Paths.Value(path).Operations()
		for _, method := range sortedKeys(operations) {
			op := operations[method]
			want(op.Summary, "summary of %s", op.OperationID)
			want(op.Description, "description of %s", op.OperationID)
			for _, p := range op.Parameters {
				want(p.Value.Description, "%s parameter %s of %s", p.Value.In, p.Value.Name, op.OperationID)
			}
			if op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Value.Content {
				for _, name := range sortedKeys(media.Schema.Value.Properties) {
					want(media.Schema.Value.Properties[name].Value.Description, "body member %s of %s", name, op.OperationID)
				}
			}
		}
	}
	for _, id := range sortedKeys(doc.Components.Schemas) {
		model := doc.Components.Schemas[id].Value
		want(model.Description, "model %s", id)
		for _, name := range sortedKeys(model.Properties) {
			want(model.Properties[name].Value.Description, "property %s.%s", id, name)
		}
	}
	return missing, nil
}
