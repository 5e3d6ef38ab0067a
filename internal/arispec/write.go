package arispec

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Files returns the spec as facts, a file name with its content each: ARI's own JSON shape without
// any prose, in one canonical order and form. Read reads them again without loss.
func (s *Spec) Files() (map[string][]byte, error) {
	files := make(map[string][]byte)
	listing := listingJSON{APIVersion: s.APIVersion, SwaggerVersion: s.SwaggerVersion}
	for _, r := range s.Resources {
		listing.APIs = append(listing.APIs, listedJSON{Path: "/api-docs/" + r.Name + ".{format}"})
		content, err := marshal(r.toJSON())
		if err != nil {
			return nil, fmt.Errorf("arispec: %s: %w", r.Name, err)
		}
		files[r.Name+".json"] = content
	}
	content, err := marshal(listing)
	if err != nil {
		return nil, fmt.Errorf("arispec: %s: %w", Listing, err)
	}
	files[Listing] = content
	return files, nil
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

type listingJSON struct {
	APIVersion     string       `json:"apiVersion"`
	SwaggerVersion string       `json:"swaggerVersion"`
	APIs           []listedJSON `json:"apis"`
}

type listedJSON struct {
	Path string `json:"path"`
}

type resourceJSON struct {
	APIVersion      string               `json:"apiVersion"`
	SwaggerVersion  string               `json:"swaggerVersion"`
	ResourcePath    string               `json:"resourcePath"`
	RequiresModules []string             `json:"requiresModules,omitempty"`
	Since           []string             `json:"since,omitempty"`
	APIs            []apiJSON            `json:"apis"`
	Models          map[string]modelJSON `json:"models,omitempty"`
}

type apiJSON struct {
	Path       string          `json:"path"`
	Operations []operationJSON `json:"operations"`
}

type operationJSON struct {
	Method            string          `json:"httpMethod"`
	Nickname          string          `json:"nickname"`
	Since             []string        `json:"since,omitempty"`
	Upgrade           string          `json:"upgrade,omitempty"`
	WebsocketProtocol string          `json:"websocketProtocol,omitempty"`
	ResponseClass     Type            `json:"responseClass"`
	Parameters        []parameterJSON `json:"parameters,omitempty"`
	ErrorResponses    []errorJSON     `json:"errorResponses,omitempty"`
}

type parameterJSON struct {
	Name            string         `json:"name"`
	In              string         `json:"paramType"`
	Type            Type           `json:"dataType"`
	Required        bool           `json:"required,omitempty"`
	Multiple        bool           `json:"allowMultiple,omitempty"`
	Default         any            `json:"defaultValue,omitempty"`
	AllowableValues *allowableJSON `json:"allowableValues,omitempty"`
}

type allowableJSON struct {
	ValueType string   `json:"valueType"`
	Values    []string `json:"values,omitempty"`
	Min       *float64 `json:"min,omitempty"`
	Max       *float64 `json:"max,omitempty"`
}

type errorJSON struct {
	Code int `json:"code"`
}

type modelJSON struct {
	ID            string                  `json:"id"`
	Discriminator string                  `json:"discriminator,omitempty"`
	SubTypes      []string                `json:"subTypes,omitempty"`
	Properties    map[string]propertyJSON `json:"properties"`
}

type propertyJSON struct {
	Type            Type           `json:"type"`
	Required        bool           `json:"required,omitempty"`
	AllowableValues *allowableJSON `json:"allowableValues,omitempty"`
}

func (r *Resource) toJSON() resourceJSON {
	out := resourceJSON{
		APIVersion:      r.APIVersion,
		SwaggerVersion:  r.SwaggerVersion,
		ResourcePath:    r.ResourcePath,
		RequiresModules: r.RequiresModules,
		Since:           r.Since,
		APIs:            []apiJSON{},
		Models:          make(map[string]modelJSON),
	}
	for _, api := range r.APIs {
		a := apiJSON{Path: api.Path, Operations: []operationJSON{}}
		for _, op := range api.Operations {
			a.Operations = append(a.Operations, op.toJSON())
		}
		out.APIs = append(out.APIs, a)
	}
	for _, m := range r.Models {
		props := make(map[string]propertyJSON)
		for _, p := range m.Properties {
			props[p.Name] = propertyJSON{p.Type, p.Required, allowable(p.Values, nil, nil)}
		}
		out.Models[m.ID] = modelJSON{m.ID, m.Discriminator, m.SubTypes, props}
	}
	return out
}

func (op *Operation) toJSON() operationJSON {
	out := operationJSON{
		Method:            op.Method,
		Nickname:          op.Nickname,
		Since:             op.Since,
		Upgrade:           op.Upgrade,
		WebsocketProtocol: op.WebsocketProtocol,
		ResponseClass:     op.ResponseClass,
	}
	for _, p := range op.Parameters {
		out.Parameters = append(out.Parameters, parameterJSON{
			p.Name, p.In, p.Type, p.Required, p.Multiple, p.Default, allowable(p.Values, p.Min, p.Max),
		})
	}
	for _, code := range op.ErrorCodes {
		out.ErrorResponses = append(out.ErrorResponses, errorJSON{code})
	}
	return out
}

func allowable(values []string, low, high *float64) *allowableJSON {
	switch {
	case values != nil:
		return &allowableJSON{ValueType: "LIST", Values: values}
	case low != nil || high != nil:
		return &allowableJSON{ValueType: "RANGE", Min: low, Max: high}
	default:
		return nil
	}
}
