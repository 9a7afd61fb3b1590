package twofactor

// Verifier has its upstream make and verify the codes. In place of delivery, its world has the line:
// export twofactor:provider/verification@0.2.0;
type Verifier interface {
	Provider
	// Begin has the upstream generate a code and send it. The message has neither texts nor a code. The error is like that of Deliver.
	Begin(options string, message Message) (Started, error)
	// Check has the upstream verify an answer. The state is that of Begin. The answer is a placeholder for what the person typed: put it
	// into the body of a request unchanged. In a failure, OutcomeUnknown means that the answer may have been used up.
	Check(options, state, answer string) (Verdict, error)
}

// Started is a verification that the upstream has started.
type Started struct {
	Receipt Receipt
	// State is what Check needs to find the verification again, at most 4096 bytes.
	State string
	// CodeLength is how many digits the upstream's code has: 4 to 10.
	CodeLength uint8
}

// Verdict is the upstream's verdict on an answer.
type Verdict uint8

// The verdicts. Expired means that no answer is accepted any longer.
const (
	Right Verdict = iota
	Wrong
	Expired
)
