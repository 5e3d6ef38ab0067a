package roster

import (
	"reflect"
	"slices"
	"testing"
)

const here, there = "default,100,2", "default,100,3" // places in the dialplan

// A story is what a roster is told, and what it must answer.
type story struct {
	t    *testing.T
	r    *Roster
	snap Snapshot
}

func tell(t *testing.T) *story {
	t.Helper()
	s := &story{t: t, r: New()}
	s.r.Connected()
	s.snap = Snapshot{Channels: make(map[string]Place), Subscribed: map[string]Subscription{"A": {}, "B": {}}}
	return s
}

func (s *story) enter(app, at string, want Entry) *story {
	s.t.Helper()
	if got := s.r.Enter(Stay{app, "c"}, at, here); got != want {
		s.t.Fatalf("entering %s at %s: %v, want %v", app, at, got, want)
	}
	return s
}

func (s *story) leave(app, at string, heard bool, want Exit) *story {
	s.t.Helper()
	if got := s.r.Leave(Stay{app, "c"}, at, heard, here); got != want {
		s.t.Fatalf("leaving %s at %s: %v, want %v", app, at, got, want)
	}
	return s
}

func (s *story) destroyed(want ...string) *story {
	s.t.Helper()
	if got := s.r.Destroy("c"); !slices.Equal(got, stays(want)) {
		s.t.Fatalf("destroyed: %v, want %v", got, want)
	}
	return s
}

func (s *story) superseded(want ...string) *story {
	s.t.Helper()
	if got := s.r.Superseded("c"); !slices.Equal(got, stays(want)) {
		s.t.Fatalf("superseded: %v, want %v", got, want)
	}
	return s
}

func (s *story) in(want ...string) *story {
	s.t.Helper()
	if got := s.r.Stays("c"); !slices.Equal(got, stays(want)) || s.r.Has("c") != (len(want) > 0) || s.r.Len() != len(want) {
		s.t.Fatalf("it is in %v, want %v", got, want)
	}
	return s
}

func stays(apps []string) (list []Stay) {
	for _, app := range apps {
		list = append(list, Stay{app, "c"})
	}
	return list
}

// gap is a new connection, and what Asterisk shows of the channel after that.
func (s *story) gap(p Place) *story {
	s.r.Connected()
	s.snap.Channels = map[string]Place{"c": p}
	return s
}

func (s *story) subscribed(app string, sub Subscription) *story {
	s.snap.Subscribed[app] = sub
	return s
}

func (s *story) settle(want ...Change) *story {
	s.t.Helper()
	s.r.Ask()
	return s.compare(want...)
}

// compare is settle after Asterisk was asked.
func (s *story) compare(want ...Change) *story {
	s.t.Helper()
	var got []Change
	x := s.r.Settle(s.snap)
	for {
		change, ok := x.Next()
		if !ok {
			break
		}
		got = append(got, change)
	}
	s.r.Settled()
	if !reflect.DeepEqual(got, want) {
		s.t.Fatalf("settling: %+v, want %+v", got, want)
	}
	return s
}

// empty says that nothing is kept, other than ends that were made up.
func (s *story) empty() *story {
	s.t.Helper()
	s.in()
	for id, c := range s.r.channels {
		if c.away != nil || len(c.owed) == 0 {
			s.t.Fatalf("%s is kept: %+v", id, c)
		}
	}
	s.r.Connected()
	if len(s.r.channels) != 0 {
		s.t.Fatalf("kept: %v", s.r.channels)
	}
	return s
}

var (
	all      = Subscription{All: true, Kept: map[string]bool{}}
	single   = Subscription{Channels: map[string]bool{"c": true}, Kept: map[string]bool{}}
	kept     = Subscription{Channels: map[string]bool{"c": true}, Kept: map[string]bool{"c": true}}
	none     = Subscription{Kept: map[string]bool{}}
	dialplan = Place{App: "", Position: there}
)

func in(app string) Place   { return Place{InStasis: true, App: app, Position: here} }
func back(app string) Place { return Place{InStasis: true, App: app, Position: there} }

func gone(app string) Change    { return Change{Stay: Stay{app, "c"}, Kind: GoneInGap} }
func entered(app string) Change { return Change{Stay: Stay{app, "c"}, Kind: Entered} }
func moved(app string) Change   { return Change{Stay: Stay{app, "c"}, Kind: Entered, Moved: true} }

func elsewhere(answer, known bool) func(string) (bool, bool) {
	return func(string) (bool, bool) { return answer, known }
}

func TestEvents(t *testing.T) {
	for name, story := range map[string]func(*story){
		"a call": func(s *story) {
			s.enter("A", "1", Started).in("A").leave("A", "2", false, Ended).empty()
		},
		"one that is heard of to its end": func(s *story) {
			s.enter("A", "1", Started).leave("A", "2", true, Ended).in().destroyed().empty()
		},
		"destroyed before its end is read": func(s *story) {
			s.enter("A", "1", Started).destroyed("A").leave("A", "2", true, Stranger).empty()
		},
		"destroyed before its beginning is read": func(s *story) {
			s.destroyed().enter("A", "1", Started).leave("A", "2", true, Ended).empty()
		},
		"destroyed without an end": func(s *story) {
			s.enter("A", "1", Started).enter("B", "2", Started).destroyed("A", "B").destroyed().empty()
		},
		"twice": func(s *story) {
			s.enter("A", "1", Started).enter("A", "1", Duplicate).leave("A", "2", false, Ended).leave("A", "2", false, Known)
			s.enter("A", "1", Duplicate).empty()
		},
		"the end twice, after it came back": func(s *story) {
			s.enter("A", "1", Started).leave("A", "2", false, Ended).enter("A", "3", Started).leave("A", "2", false, Known).in("A")
		},
		"all at one time": func(s *story) {
			s.enter("A", "1", Started).leave("A", "1", false, Ended).enter("A", "1", Started).leave("A", "1", false, Ended).empty()
		},
		"no times": func(s *story) {
			s.enter("A", "", Started).leave("A", "", false, Ended).enter("A", "", Started).leave("A", "", false, Ended).empty()
		},
		"a second beginning without an end": func(s *story) {
			s.enter("A", "1", Started).enter("A", "2", Again).in("A").leave("A", "3", false, Ended).empty()
		},
		"moved to where it is": func(s *story) {
			s.enter("A", "1", Started).leave("A", "2", false, Ended).enter("A", "2", Started).in("A").leave("A", "3", false, Ended).empty()
		},
		"moved, end first": func(s *story) {
			s.enter("A", "1", Started).leave("A", "2", true, Ended).enter("B", "2", Started).superseded().in("B").destroyed("B").empty()
		},
		"moved, beginning first": func(s *story) {
			s.enter("A", "1", Started).enter("B", "2", Started).superseded().in("A", "B").leave("A", "2", false, Elsewhere).in("B")
			s.leave("B", "3", false, Ended).empty()
		},
		"a stranger": func(s *story) {
			s.leave("A", "1", false, Stranger).leave("A", "1", false, Known).superseded().empty()
		},
		"what is said of nobody": func(s *story) {
			s.r.InDialplan("c")
			s.r.Continued("c")
			s.destroyed().superseded().empty()
		},
	} {
		t.Run(name, func(t *testing.T) { story(tell(t)) })
	}
}

func TestGaps(t *testing.T) {
	destroyed := Change{Stay: Stay{"A", "c"}, Kind: GoneInGap, Destroyed: true}
	for name, story := range map[string]func(*story){
		"it stays": func(s *story) {
			s.enter("A", "1", Started).gap(in("A")).subscribed("A", single).settle().in("A").leave("A", "2", false, Ended).empty()
		},
		"it stays, subscribed to all": func(s *story) {
			s.enter("A", "1", Started).gap(in("A")).subscribed("A", all).settle().in("A")
		},
		"it was moved to us from a foreign one, and stays": func(s *story) {
			s.enter("A", "1", Started).gap(in("F")).subscribed("A", single).settle().in("A")
		},
		"destroyed": func(s *story) {
			s.enter("A", "1", Started).gap(in("A"))
			delete(s.snap.Channels, "c")
			s.settle(destroyed).leave("A", "2", false, Known).leave("A", "3", false, Stranger).empty()
		},
		"left for the dialplan": func(s *story) {
			s.enter("A", "1", Started).gap(dialplan).subscribed("A", all).settle(gone("A")).leave("A", "2", true, Known).destroyed().empty()
		},
		"left, and its subscription is kept": func(s *story) {
			s.enter("A", "1", Started).gap(dialplan).subscribed("A", kept).settle(gone("A")).empty()
		},
		"moved to a foreign one": func(s *story) {
			s.enter("A", "1", Started).gap(in("A")).settle(gone("A")).in().empty()
		},
		"entered": func(s *story) {
			s.gap(in("A")).subscribed("A", single).settle(entered("A")).in("A").leave("A", "2", false, Ended).empty()
		},
		"entered, and its own beginning comes late": func(s *story) {
			s.gap(in("A")).subscribed("A", single).settle(entered("A")).enter("A", "1", Duplicate).enter("A", "1", Duplicate)
			s.leave("A", "2", false, Ended).enter("A", "2", Started).in("A").leave("A", "3", false, Ended).empty()
		},
		"entered, and much later it is moved to where it is": func(s *story) {
			s.gap(in("A")).subscribed("A", single).settle(entered("A")).leave("A", "9", false, Ended).enter("A", "9", Started).in("A")
		},
		"entered, and another gap": func(s *story) {
			s.gap(in("A")).subscribed("A", single).settle(entered("A")).gap(in("A")).subscribed("A", none).settle(gone("A")).empty()
		},
		"entered, and after another gap it begins": func(s *story) {
			s.gap(in("A")).subscribed("A", single).settle(entered("A")).gap(in("A")).enter("A", "5", Missed).settle().in("A")
		},
		"a foreign one": func(s *story) {
			s.gap(in("F")).subscribed("A", all).settle().gap(Place{App: "A"}).settle().in().empty()
		},
		"ours, but not subscribed to": func(s *story) { s.gap(in("A")).settle().in().empty() },
		"another program's": func(s *story) {
			s.snap.Owns = func(string) bool { return false }
			s.gap(in("A")).subscribed("A", single).settle().in().empty()
		},
		"it ended and began again": func(s *story) {
			s.enter("A", "1", Started).gap(in("A")).enter("A", "2", Missed).subscribed("A", single).settle().in("A")
			s.leave("A", "3", false, Ended).empty()
		},
		"it is told of again in the new connection": func(s *story) {
			s.enter("A", "1", Started).gap(dialplan).enter("A", "1", Duplicate).settle().in("A")
		},
		"the end that was made up for comes after a new beginning": func(s *story) {
			s.enter("A", "1", Started).gap(dialplan).settle(gone("A")).enter("A", "2", Started).leave("A", "3", false, Ended).empty()
		},
		"the end that was made up for never comes": func(s *story) {
			s.enter("A", "1", Started).gap(dialplan).settle(gone("A")).enter("A", "2", Started).destroyed("A").leave("A", "3", false, Stranger)
		},
		"it came back, and the end that was made up for never comes": func(s *story) {
			s.enter("A", "1", Started).gap(back("A")).subscribed("A", single).settle(gone("A"), entered("A"))
			s.destroyed("A").leave("A", "3", false, Stranger).empty()
		},
		"it came back at another place": func(s *story) {
			s.enter("A", "1", Started).gap(back("A")).subscribed("A", single).settle(gone("A"), entered("A")).in("A")
		},
		"two applications, one after the other": func(s *story) {
			s.enter("A", "1", Started).gap(back("B")).subscribed("B", single).settle(gone("A"), entered("B")).in("B")
			s.enter("B", "2", Duplicate).leave("A", "1", false, Known).leave("B", "3", false, Ended).empty()
		},
		"two applications, subscribed to all": func(s *story) {
			s.enter("A", "1", Started).gap(back("B")).subscribed("A", all).subscribed("B", all).settle(gone("A"), entered("B")).in("B")
		},
		"moved from one to the other": func(s *story) {
			s.enter("A", "1", Started).gap(in("A")).subscribed("A", kept).subscribed("B", single).settle(gone("A"), moved("B")).in("B")
		},
		"moved back": func(s *story) {
			s.enter("B", "1", Started).gap(in("A")).subscribed("A", single).subscribed("B", none).settle(gone("B"), entered("A")).in("A")
		},
		"moved before, and the end is lost": func(s *story) {
			s.enter("A", "1", Started).enter("B", "2", Started).gap(in("A")).subscribed("A", all).subscribed("B", all)
			s.settle(gone("A")).in("B").leave("A", "2", true, Known).in("B")
		},
		"moved after, and the end was lost": func(s *story) {
			s.enter("A", "1", Started).gap(in("A")).enter("B", "2", Started).superseded("A").in("B").leave("A", "2", true, Known).in("B")
		},
		"an end tells that another was lost": func(s *story) {
			s.enter("A", "1", Started).gap(in("A")).leave("B", "2", true, Stranger).superseded("A").in().destroyed().empty()
		},
		"moved to us from a foreign one": func(s *story) {
			s.gap(in("F")).subscribed("A", single).settle(moved("A")).in("A")
		},
		"a foreign one that we are subscribed to": func(s *story) {
			s.snap.Elsewhere = elsewhere(true, true)
			s.gap(in("F")).subscribed("A", single).settle().in()
		},
		"a foreign one that we are subscribed to by wish": func(s *story) { s.gap(in("F")).subscribed("A", kept).settle().in() },
		"moved to a foreign one, unheard": func(s *story) {
			s.snap.Elsewhere = elsewhere(true, true)
			s.gap(in("A")).subscribed("A", all).settle().in()
		},
	} {
		t.Run(name, func(t *testing.T) { story(tell(t)) })
	}
}

// A channel that has left while it goes on being heard of: has it come back, or was it moved to another application?
func TestHasItComeBack(t *testing.T) {
	listed := Subscription{Channels: map[string]bool{"c": true}}
	for name, x := range map[string]struct {
		subs      Subscription
		between   func(*Roster)
		now       Place
		elsewhere func(string) (bool, bool)
		want      []Change
	}{
		"nothing tells":                                          {subs: all, now: in("A")},
		"nothing tells, and it was originated":                   {subs: kept, now: in("A")},
		"nothing tells, and nobody says why it is subscribed to": {subs: listed, now: in("A")},
		"it was seen in the dialplan": {
			subs: all, now: in("A"), between: func(r *Roster) { r.InDialplan("c") }, elsewhere: elsewhere(true, true), want: []Change{entered("A")},
		},
		"we have sent it there":  {subs: kept, now: in("A"), between: func(r *Roster) { r.Continued("c") }, want: []Change{entered("A")}},
		"it is at another place": {subs: all, now: back("A"), want: []Change{entered("A")}},
		"it is subscribed to":    {subs: single, now: in("A"), want: []Change{entered("A")}},
		"a foreign one has it":   {subs: all, now: in("A"), elsewhere: elsewhere(true, true)},
		"no foreign one has it":  {subs: all, now: in("A"), elsewhere: elsewhere(false, true), want: []Change{entered("A")}},
		"nobody knows":           {subs: all, now: in("A"), elsewhere: elsewhere(false, false)},
		"it is in a foreign one": {subs: all, now: back("F")},
		"it is in the dialplan":  {subs: all, now: dialplan},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t).enter("A", "1", Started).leave("A", "2", true, Ended)
			if x.between != nil {
				x.between(s.r)
			}
			s.snap.Elsewhere = x.elsewhere
			s.gap(x.now).subscribed("A", x.subs).settle(x.want...)
			delete(s.snap.Channels, "c")
			s.r.Destroy("c")
			s.empty()
		})
	}
	t.Run("a snapshot showed it in the dialplan", func(t *testing.T) {
		s := tell(t).enter("A", "1", Started).leave("A", "2", true, Ended).subscribed("A", all)
		s.gap(dialplan).settle().gap(in("A")).settle(entered("A"))
	})
	t.Run("sent to the dialplan before its end", func(t *testing.T) {
		s := tell(t).enter("A", "1", Started).subscribed("A", all)
		s.r.Continued("c")
		s.leave("A", "2", true, Ended).gap(in("A")).settle(entered("A"))
	})
	t.Run("what tells of its way into the application is late", func(t *testing.T) {
		s := tell(t).enter("A", "1", Started).subscribed("A", all)
		s.r.InDialplan("c")
		s.leave("A", "2", true, Ended).gap(in("A")).settle()
	})
	t.Run("it was sent there on a lost connection, and nothing came of it", func(t *testing.T) {
		s := tell(t).enter("A", "1", Started).subscribed("A", all)
		s.r.Continued("c")
		s.gap(in("A")).settle().leave("A", "2", true, Ended).gap(in("A")).settle()
	})
	t.Run("that is past", func(t *testing.T) {
		s := tell(t).enter("A", "1", Started).leave("A", "2", true, Ended).subscribed("A", all)
		s.r.InDialplan("c")
		s.snap.Elsewhere = elsewhere(true, true)
		s.enter("A", "3", Started).gap(back("A")).settle(gone("A"))
	})
	t.Run("its destruction is lost", func(t *testing.T) {
		s := tell(t).enter("A", "1", Started).leave("A", "2", true, Ended).subscribed("A", all).gap(Place{})
		delete(s.snap.Channels, "c")
		s.settle().empty()
	})
}

// What is read since Asterisk was asked is newer than its answer.
func TestEventsWhileSettling(t *testing.T) {
	ask := func(t *testing.T) *story {
		t.Helper()
		s := tell(t).gap(in("A")).subscribed("A", all)
		s.r.Ask()
		return s
	}
	t.Run("left", func(t *testing.T) { ask(t).leave("A", "2", false, Stranger).compare().empty() })
	t.Run("left the other", func(t *testing.T) {
		ask(t).subscribed("A", none).subscribed("B", single).leave("A", "2", false, Stranger).compare(moved("B"))
	})
	t.Run("entered and left", func(t *testing.T) {
		ask(t).enter("A", "1", Started).leave("A", "2", true, Ended).compare().destroyed().empty()
	})
	t.Run("entered", func(t *testing.T) { ask(t).enter("A", "1", Started).compare().in("A") })
	t.Run("destroyed", func(t *testing.T) { ask(t).destroyed().compare().empty() })
	t.Run("gone to the dialplan", func(t *testing.T) {
		s := ask(t)
		s.r.InDialplan("c")
		s.compare().empty()
	})
	t.Run("left before", func(t *testing.T) {
		s := tell(t).gap(in("A")).subscribed("A", all).leave("A", "1", true, Stranger)
		s.snap.Elsewhere = elsewhere(false, true)
		s.settle().in()
	})
	t.Run("between two changes", func(t *testing.T) {
		s := tell(t).enter("A", "1", Started).gap(back("B")).subscribed("A", all).subscribed("B", all)
		s.r.Ask()
		x := s.r.Settle(s.snap)
		if change, ok := x.Next(); !ok || change != gone("A") {
			t.Fatal(change, ok)
		}
		s.enter("B", "2", Started)
		if change, ok := x.Next(); ok {
			t.Fatal(change)
		}
		s.in("B")
	})
	for name, end := range map[string]func(*Roster){"settled": (*Roster).Settled, "asked again": (*Roster).Ask, "connected": (*Roster).Connected} {
		t.Run(name, func(t *testing.T) {
			s := ask(t)
			x := s.r.Settle(s.snap)
			end(s.r)
			if change, ok := x.Next(); ok {
				t.Fatal(change)
			}
		})
	}
	t.Run("not asked for", func(t *testing.T) { tell(t).gap(in("A")).subscribed("A", all).compare(entered("A")) })
}
