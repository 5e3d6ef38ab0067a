package arispec

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing/fstest"
	"time"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// A Location says where a spec is imported from.
type Location struct {
	// From is a folder with the JSON files of Asterisk's rest-api, an imported spec, or the base URL of a
	// running Asterisk, such as http://127.0.0.1:8088.
	From string
	// User and Password are of a user in the running Asterisk's ari.conf.
	User, Password string
	// Version is the Asterisk release, for a location that doesn't tell it.
	Version string
}

// An Imported is a spec together with what it was read from.
type Imported struct {
	Spec    *Spec
	Source  *Source
	Notices []Notice
}

// ErrNoVersion is Import's error where neither the location tells the release nor the caller.
var ErrNoVersion = errors.New("nothing tells which Asterisk this is of: say so with -version")

// Import reads the spec at a location.
func Import(ctx context.Context, from Location) (*Imported, error) {
	var files fs.FS
	var version string
	var err error
	if strings.Contains(from.From, "://") {
		files, version, err = Download(ctx, http.DefaultClient, from.From, from.User, from.Password)
	} else {
		files = os.DirFS(from.From)
		version, err = debianVersion(from.From)
	}
	if err != nil {
		return nil, err
	}
	spec, notices, err := Read(files)
	if err != nil {
		return nil, err
	}
	given := from.Version
	if given == "" {
		given = version
	}
	src, err := ReadSource(files)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if given == "" {
			return nil, fmt.Errorf("arispec: %s: %w", from.From, ErrNoVersion)
		}
		v, err := ParseVersion(given)
		if err != nil {
			return nil, fmt.Errorf("%w: say which it is with -version", err)
		}
		if src, err = describeSource(files, v, spec); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case from.Version != "" && from.Version != src.Version.String():
		return nil, fmt.Errorf("arispec: %s in %s says %s, not %s", VersionFile, from.From, src.Version, from.Version)
	}
	return &Imported{spec, src, notices}, nil
}

// Files returns what a folder of spec/ holds: the facts, and the VERSION file.
func (i *Imported) Files() (map[string][]byte, error) {
	files, err := i.Spec.Files()
	if err != nil {
		return nil, err
	}
	files[VersionFile] = i.Source.Bytes()
	return files, nil
}

// debianVersion returns the version of the asterisk package in whose root file system a rest-api
// folder lies, or "" for a folder elsewhere.
func debianVersion(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("arispec: %w", err)
	}
	root, ok := strings.CutSuffix(filepath.ToSlash(dir), "/usr/share/asterisk/rest-api")
	if !ok {
		return "", nil
	}
	status, err := os.Open(filepath.FromSlash(root + "/var/lib/dpkg/status"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("arispec: %w", err)
	}
	defer status.Close()
	inPackage := false
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "Package: "); ok {
			inPackage = name == "asterisk"
		}
		if version, ok := strings.CutPrefix(lines.Text(), "Version: "); ok && inPackage {
			if _, upstream, ok := strings.Cut(version, ":"); ok {
				version = upstream // what stands before the colon is the package's own epoch
			}
			return version, nil
		}
	}
	return "", nil
}

// maxFile bounds what is read of one served file; the largest of today has 80 KB.
const maxFile = 16 << 20

// Download reads the spec files that a running Asterisk serves under BASE/ari/api-docs, and the
// version that it says it is. Base is such as http://127.0.0.1:8088, with or without /ari.
func Download(ctx context.Context, client *http.Client, base, user, password string) (fs.FS, string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		// The text isn't repeated: it may hold a password.
		return nil, "", errors.New("arispec: that isn't a base URL such as http://127.0.0.1:8088")
	}
	if u.User != nil {
		return nil, "", errors.New("arispec: give user and password apart, not in the URL")
	}
	root := strings.TrimSuffix(strings.TrimSuffix(u.String(), "/"), "/ari") + "/ari/"
	get := func(path string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, root+path, nil)
		if err != nil {
			return nil, err
		}
		req.SetBasicAuth(user, password)
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("GET %s: %s", root+path, resp.Status)
		}
		content, err := io.ReadAll(io.LimitReader(resp.Body, maxFile+1))
		if err == nil && len(content) > maxFile {
			err = fmt.Errorf("GET %s: more than %d bytes", root+path, maxFile)
		}
		return content, err
	}

	var info struct {
		System struct {
			Version string `json:"version"`
		} `json:"system"`
	}
	content, err := get("asterisk/info?only=system")
	if err != nil {
		return nil, "", fmt.Errorf("arispec: %w", err)
	}
	if err := json.Unmarshal(content, &info); err != nil || info.System.Version == "" {
		return nil, "", fmt.Errorf("arispec: %sasterisk/info tells no version: is this an Asterisk?", root)
	}

	listing, err := get("api-docs/" + Listing)
	if err != nil {
		return nil, "", fmt.Errorf("arispec: %w", err)
	}
	names, err := ResourceNames(listing)
	if err != nil {
		return nil, "", err
	}
	files := fstest.MapFS{Listing: {Data: listing}}
	for _, name := range names {
		content, err := get("api-docs/" + name + ".json")
		if err != nil {
			return nil, "", fmt.Errorf("arispec: %w", err)
		}
		files[name+".json"] = &fstest.MapFile{Data: content}
	}
	return files, info.System.Version, nil
}

// VersionFile is the file beside an imported spec that says what it was read from.
const VersionFile = "VERSION"

// A Source says which Asterisk release a spec was read from, with a SHA-256 of every original file.
//
// A running Asterisk writes its files anew before it serves them, with its own address as basePath. So
// that a folder and a server give the same sums, what is hashed is a file's JSON without basePath,
// keys sorted, without spaces, and a newline.
type Source struct {
	Version Version
	Sums    map[string]string
}

func describeSource(fsys fs.FS, version Version, spec *Spec) (*Source, error) {
	src := &Source{Version: version, Sums: make(map[string]string)}
	names := []string{Listing}
	for _, r := range spec.Resources {
		names = append(names, r.Name+".json")
	}
	for _, name := range names {
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("arispec: %w", err)
		}
		if src.Sums[name], err = sum(content); err != nil {
			return nil, fmt.Errorf("arispec: %s: %w", name, err)
		}
	}
	return src, nil
}

func sum(content []byte) (string, error) {
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		return "", err
	}
	delete(doc, "basePath")
	h := sha256.New()
	enc := json.NewEncoder(h)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

const sourceHead = "# Each sum is of the original file as it comes out of: jq -cS 'del(.basePath)'\n"

// Bytes returns the text of the VERSION file.
func (s *Source) Bytes() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%sasterisk %s\n", sourceHead, s.Version)
	for _, name := range sortedKeys(s.Sums) {
		fmt.Fprintf(&b, "sha256 %s %s\n", s.Sums[name], name)
	}
	return []byte(b.String())
}

// A Folder is an imported spec in its folder.
type Folder struct {
	Path    string
	Version Version
}

// Folders returns the imported specs in a folder, such as spec/asterisk-22 in spec, the oldest Asterisk first. The
// repository's code is generated from the last one.
func Folders(dir string) ([]Folder, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", VersionFile))
	if err != nil {
		return nil, fmt.Errorf("arispec: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("arispec: %s holds no imported spec", dir)
	}
	var folders []Folder
	for _, file := range files {
		path := filepath.Dir(file)
		src, err := ReadSource(os.DirFS(path))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		folders = append(folders, Folder{path, src.Version})
	}
	slices.SortFunc(folders, func(a, b Folder) int { return a.Version.Compare(b.Version) })
	return folders, nil
}

// ReadSource reads the VERSION file of an imported spec.
func ReadSource(fsys fs.FS) (*Source, error) {
	content, err := fs.ReadFile(fsys, VersionFile)
	if err != nil {
		return nil, fmt.Errorf("arispec: %w", err)
	}
	src := &Source{Sums: make(map[string]string)}
	seen := false
	for n, line := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "#"):
		case len(fields) == 2 && fields[0] == "asterisk" && !seen:
			seen = true
			if src.Version, err = ParseVersion(fields[1]); err != nil {
				return nil, fmt.Errorf("arispec: %s, line %d: %w", VersionFile, n+1, err)
			}
		case len(fields) == 3 && fields[0] == "sha256":
			src.Sums[fields[2]] = fields[1]
		default:
			return nil, fmt.Errorf("arispec: %s, line %d: %q is not understood", VersionFile, n+1, line)
		}
	}
	if !seen {
		return nil, fmt.Errorf("arispec: %s names no Asterisk", VersionFile)
	}
	return src, nil
}
