package arispec

// The parts of OpenAPI 3.0.3 that the description uses, in the order in which they are written.

type document struct {
	OpenAPI    string                `yaml:"openapi"`
	Info       info                  `yaml:"info"`
	Servers    []server              `yaml:"servers"`
	Security   []map[string][]string `yaml:"security"`
	Tags       []tag                 `yaml:"tags"`
	Paths      map[string]pathItem   `yaml:"paths"`
	Components components            `yaml:"components"`
}

type info struct {
	Title       string  `yaml:"title"`
	Description string  `yaml:"description,omitempty"`
	License     license `yaml:"license"`
	Version     string  `yaml:"version"`
	APIVersion  string  `yaml:"x-ari-api-version"`
}

type license struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
}

type server struct {
	URL         string `yaml:"url"`
	Description string `yaml:"description"`
}

type tag struct {
	Name            string   `yaml:"name"`
	Description     string   `yaml:"description,omitempty"`
	RequiresModules []string `yaml:"x-ari-requires-modules,omitempty"`
}

// pathItem holds the operations of a path by their method in lower case.
type pathItem map[string]*operation

type operation struct {
	OperationID string               `yaml:"operationId"`
	Tags        []string             `yaml:"tags"`
	Summary     string               `yaml:"summary,omitempty"`
	Description string               `yaml:"description,omitempty"`
	Nickname    string               `yaml:"x-ari-nickname"`
	Since       []string             `yaml:"x-ari-since,omitempty,flow"`
	Upgrade     string               `yaml:"x-ari-upgrade,omitempty"`
	Protocol    string               `yaml:"x-ari-websocket-protocol,omitempty"`
	Message     string               `yaml:"x-ari-websocket-message,omitempty"`
	Parameters  []*parameter         `yaml:"parameters,omitempty"`
	RequestBody *requestBody         `yaml:"requestBody,omitempty"`
	Responses   map[string]*response `yaml:"responses"`
}

type parameter struct {
	Name        string     `yaml:"name"`
	In          string     `yaml:"in"`
	Description string     `yaml:"description,omitempty"`
	Required    bool       `yaml:"required,omitempty"`
	Style       string     `yaml:"style,omitempty"`
	Explode     *bool      `yaml:"explode,omitempty"`
	Since       []string   `yaml:"x-ari-since,omitempty,flow"`
	ValueSince  valueSince `yaml:"x-ari-value-since,omitempty"`
	Schema      *schema    `yaml:"schema"`
}

// valueSince holds, by value, since when an enumerated parameter takes it.
type valueSince map[string]flowStrings

type flowStrings []string

type requestBody struct {
	Description string           `yaml:"description,omitempty"`
	Required    bool             `yaml:"required,omitempty"`
	Content     map[string]media `yaml:"content"`
}

type media struct {
	Schema *schema `yaml:"schema"`
}

type response struct {
	Description string             `yaml:"description"`
	Headers     map[string]*header `yaml:"headers,omitempty"`
	Content     map[string]media   `yaml:"content,omitempty"`
}

type header struct {
	Description string  `yaml:"description"`
	Schema      *schema `yaml:"schema"`
}

type components struct {
	SecuritySchemes map[string]securityScheme `yaml:"securitySchemes"`
	Schemas         map[string]*schema        `yaml:"schemas"`
}

type securityScheme struct {
	Type        string `yaml:"type"`
	Scheme      string `yaml:"scheme,omitempty"`
	In          string `yaml:"in,omitempty"`
	Name        string `yaml:"name,omitempty"`
	Description string `yaml:"description"`
}

type schema struct {
	Ref           string             `yaml:"$ref,omitempty"`
	AllOf         []*schema          `yaml:"allOf,omitempty"`
	OneOf         []*schema          `yaml:"oneOf,omitempty"`
	Type          string             `yaml:"type,omitempty"`
	Format        string             `yaml:"format,omitempty"`
	Description   string             `yaml:"description,omitempty"`
	Enum          []string           `yaml:"enum,omitempty"`
	Default       any                `yaml:"default,omitempty"`
	Minimum       *float64           `yaml:"minimum,omitempty"`
	Maximum       *float64           `yaml:"maximum,omitempty"`
	Items         *schema            `yaml:"items,omitempty"`
	Discriminator *discriminator     `yaml:"discriminator,omitempty"`
	Event         bool               `yaml:"x-ari-event,omitempty"`
	Entities      []entity           `yaml:"x-ari-entities,omitempty"`
	SubTypes      []string           `yaml:"x-ari-subtypes,omitempty"`
	Since         []string           `yaml:"x-ari-since,omitempty,flow"`
	BodyParameter string             `yaml:"x-ari-body-parameter,omitempty"`
	QueryTwin     bool               `yaml:"x-ari-query-twin,omitempty"`
	Required      []string           `yaml:"required,omitempty"`
	Properties    map[string]*schema `yaml:"properties,omitempty"`
	Additional    *additional        `yaml:"additionalProperties,omitempty"`
}

// additional is additionalProperties: a schema, or true for any value.
type additional struct {
	Schema *schema
}

// MarshalYAML writes true where there is no schema.
func (a additional) MarshalYAML() (any, error) {
	if a.Schema == nil {
		return true, nil
	}
	return a.Schema, nil
}

type discriminator struct {
	PropertyName string            `yaml:"propertyName"`
	Mapping      map[string]string `yaml:"mapping,omitempty"`
}

// entity says that a member of an event names a thing that lives in Asterisk.
type entity struct {
	Field string `yaml:"field"`
	Kind  string `yaml:"kind"`
}
