//go:build generate

package tools

// From the imported spec to what users import, in this order. `make generate` runs it from here, the
// module's root, since the paths in the configuration files are relative to it. The spec is that of the newest Asterisk
// in spec/; the report compares it with the oldest.

//go:generate go run ./internal/cmd/openapi -history spec/history.tsv -overlay api/overlay.yaml -out api/openapi.yaml -events api/events.schema.json -asyncapi api/asyncapi.yaml -media api/asyncapi-media.yaml
//go:generate go run ./internal/cmd/oapicodegen api/models.yaml api/client.yaml api/server.yaml
//go:generate go run ./internal/cmd/wrapcomments gen/models.gen.go gen/client.gen.go
//go:generate go run ./internal/cmd/pkggen
//go:generate go run ./internal/cmd/servergen
//go:generate go run ./internal/cmd/toolgen
//go:generate go run ./internal/cmd/specdiff -out docs/asterisk-changes.md
