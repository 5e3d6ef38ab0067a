package lanes

// A Verdict says what became of an offered task.
type Verdict uint8

// The verdicts.
const (
	Taken  Verdict = iota // it waits, or is being handled
	Lost                  // there was no room for it
	Closed                // nobody takes tasks any more
)

// A Report tells that a consumer falls behind, or that this is over. An episode begins with Losing or Piling, may go on
// with the other one and further Pilings, and always ends with CaughtUp or Ended. An owner gets the reports of one queue
// one at a time and in this order.
type Report struct {
	Kind    ReportKind
	Lost    uint64 // tasks thrown away in this episode up to now
	Waiting int    // tasks that wait, including the one that this is about
}

// A ReportKind is what a [Report] tells.
type ReportKind uint8

// What a report tells.
const (
	nothing  ReportKind = iota
	Losing              // tasks are being thrown away: once per episode
	Piling              // vital tasks are held beyond the limit: when it is first passed, then at each doubling
	CaughtUp            // the queue has been empty: nothing has been lost since the last task that Lost counts
	Ended               // the queue takes no more tasks, and was behind
)
