package conformance

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/pkg/ari"
)

var _ = register(
	scenario{name: "sounds", run: sounds},
	scenario{name: "asterisk-info", run: asteriskInfo},
	scenario{name: "asterisk-modules", run: asteriskModules, needs: []Feature{Administration}, alone: true},
	scenario{name: "module-in-use", run: moduleInUse, needs: []Feature{Administration}, unrecorded: true},
	scenario{name: "asterisk-logging", run: asteriskLogging, needs: []Feature{Administration}},
	scenario{name: "asterisk-config", run: asteriskConfig, needs: []Feature{Administration}},
)

func sounds(s *S) {
	all := got(s.ARI.SoundsWith(s.Ctx, ari.SoundsOptions{Lang: "en", Format: "gsm"}))(s)
	require.NotEmpty(s, all)
	sound := got(s.ARI.Sound("hello-world").Refresh(s.Ctx))(s)
	require.Equal(s, "hello-world", sound.ID)
	require.Contains(s, sound.Formats, gen.FormatLangPair{Format: "gsm", Language: "en"})
	require.Equal(s, "digits/1", got(s.ARI.Sound("digits/1").Refresh(s.Ctx))(s).ID)
	_, err := s.ARI.Sound("missing").Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	_, err = s.ARI.SoundsWith(s.Ctx, ari.SoundsOptions{Lang: "xx"})
	s.refused(err, 404, ari.ErrNotFound)
}

func asteriskInfo(s *S) {
	ping := got(s.ARI.Ping(s.Ctx))(s)
	require.Equal(s, "pong", ping.Ping)
	require.WithinDuration(s, time.Now(), ping.Timestamp.Time, time.Minute)
	info := got(s.ARI.Info(s.Ctx))(s)
	require.True(s, strings.HasPrefix(info.System.Version, s.version()), "%s", info.System.Version)
	require.NotNil(s, info.Build)
	require.NotNil(s, info.Config)
	require.False(s, info.Status.StartupTime.IsZero())
	info = got(s.ARI.Info(s.Ctx, ari.InfoSectionSystem, ari.InfoSectionStatus))(s)
	require.NotNil(s, info.System)
	require.NotNil(s, info.Status)
	require.Nil(s, info.Build)
	require.Equal(s, s.version(), got(s.ARI.Version(s.Ctx))(s).String())
	require.True(s, s.supports("channelsAnswer"))
	require.Equal(s, s.from("20.20", "22.10"), s.supports("eventsClaimChannel"))
	// A version too old for an operation is told so.
	if !s.from("20.16") {
		err := s.ARI.Channel("nobody").Progress(s.Ctx)
		require.ErrorIs(s, err, ari.ErrUnsupported)
		require.NotErrorIs(s, err, ari.ErrNotFound)
		require.ErrorContains(s, err, "22.6")
	}
}

func asteriskModules(s *S) {
	const name = "res_clialiases.so" // It isn't loaded, and nobody needs it.
	find := func() bool {
		for _, m := range got(s.ARI.Modules(s.Ctx))(s) {
			if m.Name == name {
				return true
			}
		}
		return false
	}
	m := s.ARI.Module(name)
	require.False(s, find())
	_, err := m.Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
	s.refused(m.Reload(s.Ctx), 404, ari.ErrNotFound)
	s.refused(m.Unload(s.Ctx), 404, ari.ErrNotFound)
	s.ok(m.Load(s.Ctx))
	require.True(s, find())
	require.Equal(s, "Running", got(m.Refresh(s.Ctx))(s).Status)
	s.refused(m.Load(s.Ctx), 409, ari.ErrConflict)
	s.ok(m.Reload(s.Ctx))
	s.ok(m.Unload(s.Ctx))
	require.False(s, find())
	s.refused(s.ARI.Module("no_such_module.so").Load(s.Ctx), 409, ari.ErrConflict)
}

// A module that others need stays, and doesn't harm by being loaded again.
func moduleInUse(s *S) {
	m := got(s.ARI.Module("res_stasis.so").Refresh(s.Ctx))(s)
	require.Equal(s, "res_stasis.so", m.Name)
	require.Equal(s, "Running", m.Status)
	require.Positive(s, m.UseCount)
	require.NotEmpty(s, m.Description)
	require.NotEmpty(s, m.SupportLevel)
	s.refused(m.Unload(s.Ctx), 409, ari.ErrConflict)
	s.refused(m.Load(s.Ctx), 409, ari.ErrConflict)
	require.Equal(s, "Running", got(m.Refresh(s.Ctx))(s).Status)
	_, err := s.ARI.Module("res_no_such_thing.so").Refresh(s.Ctx)
	s.refused(err, 404, ari.ErrNotFound)
}

func asteriskLogging(s *S) {
	name := s.id("log")
	find := func() bool {
		for _, c := range got(s.ARI.LogChannels(s.Ctx))(s) {
			if strings.HasSuffix(c.Channel, name) {
				require.Equal(s, "File", c.Type)
				return true
			}
		}
		return false
	}
	c := s.ARI.LogChannel(name)
	s.refused(c.Rotate(s.Ctx), 404, ari.ErrNotFound)
	s.refused(c.Delete(s.Ctx), 404, ari.ErrNotFound)
	s.unsent(c.Add(s.Ctx, ""), ari.ErrInvalid)
	s.ok(c.Add(s.Ctx, "notice,warning,error"))
	require.True(s, find())
	s.refused(c.Add(s.Ctx, "notice"), 409, ari.ErrConflict)
	s.ok(c.Delete(s.Ctx))
	require.False(s, find())
	s.ok(c.Add(s.Ctx, "notice"))
	s.ok(c.Rotate(s.Ctx))
}

// Objects of the configuration that live in memory can be made, changed and deleted.
func asteriskConfig(s *S) {
	const class, typ = "res_pjsip", "auth"
	id := s.id("auth")
	fields := got(s.ARI.UpdateConfigObject(s.Ctx, class, typ, id, []ari.ConfigTuple{{Attribute: "username", Value: "ada"}, {Attribute: "password", Value: "x, y"}}))(s)
	find := func(list []ari.ConfigTuple, attribute string) string {
		for _, f := range list {
			if f.Attribute == attribute {
				return f.Value
			}
		}
		return ""
	}
	require.Equal(s, "ada", find(fields, "username"))
	require.Equal(s, "x, y", find(got(s.ARI.ConfigObject(s.Ctx, class, typ, id))(s), "password"))
	fields = got(s.ARI.UpdateConfigObject(s.Ctx, class, typ, id, []ari.ConfigTuple{{Attribute: "username", Value: "grace"}}))(s)
	require.Equal(s, "grace", find(fields, "username"))
	_, err := s.ARI.UpdateConfigObject(s.Ctx, class, typ, id, []ari.ConfigTuple{{Attribute: "nonsense", Value: "x"}})
	s.refused(err, 400, ari.ErrInvalid)
	s.ok(s.ARI.DeleteConfigObject(s.Ctx, class, typ, id))
	s.refused(s.ARI.DeleteConfigObject(s.Ctx, class, typ, id), 404, ari.ErrNotFound)
	_, err = s.ARI.ConfigObject(s.Ctx, class, typ, id)
	s.refused(err, 404, ari.ErrNotFound)
	_, err = s.ARI.ConfigObject(s.Ctx, "nonsense", typ, id)
	s.refused(err, 404, ari.ErrNotFound)
	// What comes from a file can't be changed.
	s.refused(s.ARI.DeleteConfigObject(s.Ctx, class, "endpoint", "alice"), 403, ari.ErrForbidden)
}
