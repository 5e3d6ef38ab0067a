package asterisk

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"embed"
	"encoding/pem"
	"errors"
	"io/fs"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/ari-go/ari/test/asterisk/rtp"
)

//go:embed config
var configFiles embed.FS

// settings is what the configuration's templates are rendered with.
type settings struct {
	Options

	Dir, ModulesDir            string
	EntityID, SystemName       string
	Address                    string
	HTTPPort, TLSPort, SIPPort int
	RTPFrom, RTPTo             int
	Username, Password         string
	ReadOnlyUsername           string
	ReadOnlyPassword           string
	RegisterUser               string
	RegisterPassword           string
	Phones                     map[string]int
}

// The users of every instance. The read-write user's password is no word that occurs elsewhere, so that tests can look for it in logs and errors.
const (
	username         = "asterisk"
	password         = "ari-secret"
	readOnlyUsername = "reader"
	readOnlyPassword = "reader-secret"
	registerUser     = "roamer"
	registerPassword = "roamer-secret"
)

// phoneNames are the telephones at fixed ports.
var phoneNames = []string{"alice", "bob", "carol", "dave"}

// AllClients gives the template all websocket servers, those of event websockets included.
func (s settings) AllClients() []WebsocketClient {
	clients := slices.Clone(s.Clients)
	for i := range clients {
		clients[i].Protocol = cmp.Or(clients[i].Protocol, "media")
	}
	for _, o := range s.Outbound {
		c := o.WebsocketClient
		c.Protocol = cmp.Or(c.Protocol, "ari")
		clients = append(clients, c)
	}
	return clients
}

// render returns the configuration files by name.
func (s settings) render() (map[string]string, error) {
	funcs := template.FuncMap{
		"join": strings.Join,
		"yesno": func(b bool) string {
			if b {
				return "yes"
			}
			return "no"
		},
	}
	t, err := template.New("").Funcs(funcs).ParseFS(configFiles, "config/*.conf")
	if err != nil {
		return nil, err
	}
	files := make(map[string]string)
	for _, file := range t.Templates() {
		var b bytes.Buffer
		if err := file.Execute(&b, s); err != nil {
			return nil, err
		}
		files[file.Name()] = strings.TrimRight(b.String(), "\n") + "\n"
	}
	maps.Copy(files, s.Files)
	return files, nil
}

// layOut fills an instance's folder with its configuration, and with the data that it shares with its installation.
func (s settings) layOut(root Root) (*x509.CertPool, error) {
	for _, dir := range []string{
		"etc", "run", "spool/recording", "spool/outgoing", "log", "db", "cache", "agi", "lib/keys", "data/sounds", "moh/default", "moh/high",
	} {
		if err := os.MkdirAll(filepath.Join(s.Dir, dir), 0o755); err != nil {
			return nil, err
		}
	}
	files, err := s.render()
	if err != nil {
		return nil, err
	}
	cert, pool, err := certificate()
	if err != nil {
		return nil, err
	}
	files["tls.pem"] = string(cert)
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(s.Dir, "etc", name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	sounds := map[string]float64{"moh/default/low.ulaw": 440, "moh/high/high.ulaw": 880, "data/tone.ulaw": 440}
	for name, frequency := range sounds {
		if err := os.WriteFile(filepath.Join(s.Dir, name), rtp.Tone(frequency, 10*time.Second), 0o600); err != nil {
			return nil, err
		}
	}

	// The packages' own links between these folders are absolute, so they lead nowhere outside a chroot.
	share := filepath.Join(root.Dir, "usr/share/asterisk")
	links := map[string]string{"sounds/en": filepath.Join(share, "sounds/en_US_f_Allison")}
	for _, name := range []string{"documentation", "rest-api", "static-http"} {
		links[name] = filepath.Join(share, name)
	}
	for name, target := range links {
		if _, err := os.Stat(target); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return nil, err
		}
		if err := os.Symlink(target, filepath.Join(s.Dir, "data", name)); err != nil {
			return nil, err
		}
	}
	return pool, nil
}

// certificate makes a certificate for the loopback address, as PEM with its key, and the pool that trusts it.
func certificate() ([]byte, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "127.0.0.1"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), pool, nil
}

// entityID makes an identity in the form of a network card's address, with the bit set that says it was made up.
func entityID() (string, error) {
	b := make(net.HardwareAddr, 6)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	b[0] = b[0]&^1 | 2
	return b.String(), nil
}
