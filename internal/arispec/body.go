package arispec

// Bodies. The spec gives a body parameter a name and the type "containers" or "object", and describes
// its shape in prose only. What follows is how Asterisk's code reads each of them.

// The schemas that the converter makes itself.
const (
	variableValue = "VariableValue" // one variable's value in a body
	eventTypeName = "EventTypeName" // an item of an event filter
)

// ref refers to one of them, and makes it if it's the first reference.
func (c *converter) ref(name string) *schema {
	if c.made[name] == nil {
		c.made[name] = madeSchemas()[name]
	}
	return &schema{Ref: "#/components/schemas/" + name}
}

func madeSchemas() map[string]*schema {
	return map[string]*schema{
		variableValue: {
			OneOf: []*schema{
				{Type: "string"},
				{
					Type:     "object",
					Required: []string{"value"},
					Properties: map[string]*schema{
						"value":         {Type: "string", Description: "The variable's value."},
						"report_events": {Type: "boolean", Description: "Whether events about the object carry the variable. Default false."},
					},
				},
			},
		},
		eventTypeName: {
			Type:       "object",
			Required:   []string{"type"},
			Properties: map[string]*schema{"type": {Type: "string", Description: "The event type's name."}},
		},
	}
}

// requestBody describes the JSON body of an operation.
//
// Asterisk reads the members of any JSON body as if they were query parameters too, and they win over
// the query. So each query parameter has a twin in the body: that is the way for values which the
// request line has no room for, and for list items with a comma.
func (c *converter) requestBody(r *Resource, api *API, op *Operation, p *Parameter) *requestBody {
	s := &schema{Type: "object", Properties: make(map[string]*schema)}
	if r.Name == "applications" && op.Nickname == "filter" {
		c.filterBody(s, p)
	} else {
		for _, q := range op.Parameters {
			if q.In == "query" {
				twin := parameterSchema(q)
				twin.QueryTwin = true
				twin.Default = nil
				twin.Description = "Same as the query parameter `" + q.Name + "`, and wins over it."
				s.Properties[q.Name] = twin
			}
		}
		wrapped := c.bodyMember(r, op, p)
		wrapped.BodyParameter = p.Name
		wrapped.Since = c.since(featureParam(op.Method, api.Path, p.In, p.Name))
		s.Properties[p.Name] = wrapped
		if p.Required {
			s.Required = []string{p.Name}
		}
		if r.Name == "endpoints" && (op.Nickname == "refer" || op.Nickname == "referToEndpoint") {
			s.Properties["display_name"] = &schema{Type: "string"}
		}
	}
	return &requestBody{Required: p.Required, Content: map[string]media{"application/json": {Schema: s}}}
}

// filterBody is the one body that isn't wrapped in a member with the parameter's name.
func (c *converter) filterBody(s *schema, p *Parameter) {
	list := func() *schema {
		return &schema{Type: "array", BodyParameter: p.Name, Items: c.ref(eventTypeName)}
	}
	s.Properties["allowed"], s.Properties["disallowed"] = list(), list()
}

func (c *converter) bodyMember(r *Resource, op *Operation, p *Parameter) *schema {
	switch {
	case r.Name == "asterisk" && op.Nickname == "updateObject" && c.models["ConfigTuple"] != nil:
		return &schema{Type: "array", Items: &schema{Ref: "#/components/schemas/ConfigTuple"}}
	case r.Name == "endpoints" && p.Name == "variables":
		return &schema{Type: "object", Additional: &additional{&schema{Type: "string"}}}
	case (r.Name == "channels" || r.Name == "bridges") && p.Name == "variables":
		return &schema{Type: "object", Additional: &additional{c.ref(variableValue)}}
	default:
		// A user event's variables may hold any JSON, and so, for all we know, may a body to come.
		return &schema{Type: "object", Additional: &additional{}}
	}
}
