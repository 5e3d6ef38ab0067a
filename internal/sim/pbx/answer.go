package pbx

// Answer answers the call from our side. It is no error if that has been done.
func (ch *Channel) Answer() {
	if ch.State == StateUp || ch.Hungup {
		return
	}
	ch.setState(StateUp)
	if ch.Far != nil {
		ch.Far.Answered()
	}
	if o := ch.Other; o != nil && ch.half == 2 && !o.Hungup {
		o.CalleeAnswers()
	}
}

// Ringing tells the other side that it rings.
func (ch *Channel) Ringing() {
	if ch.State == StateUp || ch.Hungup {
		return
	}
	if ch.Far != nil {
		ch.Far.Rang()
	}
	if o := ch.Other; o != nil && ch.half == 2 && !o.Hungup {
		o.CalleeRings()
	}
}

// Progress tells the other side that there are early media.
func (ch *Channel) Progress() {
	if ch.State == StateUp || ch.Hungup {
		return
	}
	ch.early = true
	if ch.Far != nil {
		ch.Far.Progress()
	}
	if o := ch.Other; o != nil && ch.half == 2 && !o.Hungup {
		o.calleeProgresses()
	}
}
