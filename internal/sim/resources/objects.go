package resources

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/ari-go/ari/internal/sim/wire"
)

// objectTypes are the types of objects, with the attributes that they have and their defaults.
var objectTypes = map[string]map[string]string{
	"endpoint": {"aors": "", "auth": "", "context": "default", "allow": "(ulaw)", "disallow": "", "transport": "", "callerid": "<unknown>", "direct_media": "true", "mailboxes": ""},
	"aor": {
		"max_contacts": "0", "contact": "", "qualify_frequency": "0", "qualify_timeout": "3.000000", "minimum_expiration": "60", "maximum_expiration": "7200", "default_expiration": "3600",
		"remove_existing": "false", "remove_unavailable": "false", "support_path": "false", "mailboxes": "",
	},
	"auth":     {"auth_type": "userpass", "username": "", "password": "", "realm": "", "md5_cred": "", "nonce_lifetime": "32"},
	"identify": {"endpoint": "", "match": ""},
}

// objectType looks at the class and type of an object.
func objectType(class, typ string) (map[string]string, *apiError) {
	if class != "res_pjsip" && class != "res_pjsip_endpoint_identifier_ip" {
		return nil, failed(http.StatusNotFound, "configClass '"+class+"' not found")
	}
	attributes := objectTypes[typ]
	if attributes == nil {
		return nil, failed(http.StatusNotFound, "objectType '"+typ+"' not found")
	}
	return attributes, nil
}

func tuples(attributes map[string]string) wire.JSON {
	var all []wire.JSON
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		all = append(all, wire.Object(wire.F("attribute", name), wire.F("value", attributes[name])))
	}
	return wire.AppendValue(nil, all)
}

// static reports whether the endpoint is one that a test has made, as if it stood in a configuration file.
func (o *operations) static(typ, id string) bool {
	return (typ == "endpoint" || typ == "aor") && o.p.Static(id)
}

// AsteriskGetObject shows an object.
func (o *operations) AsteriskGetObject(w http.ResponseWriter, _ *http.Request, class, typ, id string) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		defaults, err := objectType(class, typ)
		if err != nil {
			return nil, err
		}
		if attributes := o.p.Objects[typ+"/"+id]; attributes != nil {
			return tuples(attributes), nil
		}
		if o.static(typ, id) {
			return tuples(defaults), nil
		}
		return nil, failed(http.StatusNotFound, "Object with id '"+id+"' not found")
	})
}

// AsteriskUpdateObject makes or changes an object.
func (o *operations) AsteriskUpdateObject(w http.ResponseWriter, r *http.Request, class, typ, id string) {
	body := argsOf(r).body
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		defaults, err := objectType(class, typ)
		if err != nil {
			return nil, err
		}
		p := o.p
		key := typ + "/" + id
		if p.Objects[key] == nil && o.static(typ, id) {
			return nil, failed(http.StatusForbidden, "Cannot update sorcery objects of type '"+typ+"'")
		}
		var fields []struct {
			Attribute string `json:"attribute"`
			Value     string `json:"value"`
		}
		raw, given := body["fields"]
		if given && json.Unmarshal(raw, &fields) != nil {
			return nil, failed(http.StatusBadRequest, "Fields must be provided to update object '"+id+"'")
		}
		attributes, doing := maps.Clone(p.Objects[key]), "Update"
		if attributes == nil {
			attributes, doing = maps.Clone(defaults), "Creation"
		} else if !given {
			return nil, failed(http.StatusBadRequest, "Fields must be provided to update object '"+id+"'")
		}
		for _, f := range fields {
			if !setAttribute(attributes, typ, f.Attribute, f.Value) {
				return nil, failed(http.StatusBadRequest, doing+" of object '"+id+"' failed field value validation")
			}
		}
		p.Objects[key] = attributes
		p.Reconfigure()
		return tuples(attributes), nil
	})
}

// AsteriskDeleteObject removes an object.
func (o *operations) AsteriskDeleteObject(w http.ResponseWriter, _ *http.Request, class, typ, id string) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		if _, err := objectType(class, typ); err != nil {
			return nil, err
		}
		switch {
		case o.p.Objects[typ+"/"+id] != nil:
			delete(o.p.Objects, typ+"/"+id)
			o.p.Reconfigure()
			return nil, nil
		case o.static(typ, id):
			return nil, failed(http.StatusForbidden, "Could not delete object with id '"+id+"'")
		default:
			return nil, failed(http.StatusNotFound, "Object with id '"+id+"' not found")
		}
	})
}
