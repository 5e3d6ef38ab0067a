package pbx

// causes are the hangup causes of ISDN as Asterisk words them.
var causes = map[int]string{
	0:   "Unknown",
	1:   "Unallocated (unassigned) number",
	2:   "No route to specified transit network",
	3:   "No route to destination",
	6:   "Channel unacceptable",
	7:   "Call awarded and being delivered in an established channel",
	16:  "Normal Clearing",
	17:  "User busy",
	18:  "No user responding",
	19:  "User alerting, no answer",
	21:  "Call Rejected",
	22:  "Number changed",
	26:  "Answered elsewhere",
	27:  "Destination out of order",
	28:  "Invalid number format",
	29:  "Facility rejected",
	30:  "Response to STATus ENQuiry",
	31:  "Normal, unspecified",
	34:  "Circuit/channel congestion",
	38:  "Network out of order",
	41:  "Temporary failure",
	42:  "Switching equipment congestion",
	44:  "Requested channel not available",
	50:  "Facility not subscribed",
	58:  "Bearer capability not available",
	65:  "Bearer capability not implemented",
	66:  "Channel not implemented",
	69:  "Facility not implemented",
	81:  "Invalid call reference value",
	88:  "Incompatible destination",
	95:  "Invalid message unspecified",
	102: "Recover on timer expiry",
	111: "Protocol error, unspecified",
	127: "Interworking, unspecified",
}

func causeText(cause int) string {
	if text, ok := causes[cause]; ok {
		return text
	}
	return "Unknown"
}

// A reason is one that the hangup operation takes, since some releases; those without any are as old as the operation.
type reason struct {
	cause int
	since []string
}

var reasons = map[string]reason{
	"normal":             {cause: 16},
	"busy":               {cause: 17},
	"congestion":         {cause: 34},
	"no_answer":          {19, []string{"13.3", "14.0"}},
	"answered_elsewhere": {26, []string{"15.0"}},
	"timeout":            {18, []string{"16.2"}},
	"rejected":           {21, []string{"16.2"}},
	"unallocated":        {1, []string{"16.2"}},
	"normal_unspecified": {31, []string{"16.2"}},
	"number_incomplete":  {28, []string{"16.2"}},
	"codec_mismatch":     {58, []string{"16.2"}},
	"interworking":       {127, []string{"16.2"}},
	"failure":            {38, []string{"16.2"}},
}

// Reason is the cause of a reason to hang up, if the version has it.
func (p *PBX) Reason(name string) (cause int, ok bool) {
	r, ok := reasons[name]
	return r.cause, ok && (len(r.since) == 0 || p.Config.Version.AtLeast(r.since...))
}

// SipStatuses are what a SIP channel that isn't answered yet is refused with.
var SipStatuses = map[int]int{1: 404, 17: 486, 18: 408, 19: 480, 21: 403, 28: 484, 34: 503, 38: 500, 58: 488, 127: 500}

// Refusals are the hangup causes that follow from a callee's SIP status.
var Refusals = map[int]int{403: 21, 404: 1, 408: 18, 480: 19, 484: 28, 486: 17, 487: 127, 488: 58, 500: 38, 503: 34, 600: 17, 603: 21}

// dialStatus is the end of a call that wasn't answered, as Dial events have it.
func dialStatus(h Hangup) string {
	if h.Soft {
		return "NOANSWER"
	}
	switch h.Cause {
	case 17:
		return "BUSY"
	case 34, 38, 41, 42:
		return "CONGESTION"
	default:
		return "NOANSWER"
	}
}
