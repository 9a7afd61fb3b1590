package twofactor

// Request is an HTTP request to a granted origin.
type Request struct {
	Method, URL string
	Headers     []Entry
	Body        []byte
}

// Response is an HTTP response. Names of headers are in lower case.
type Response struct {
	Status  uint16
	Headers []Entry
	Body    []byte
}

// Header returns the first value of a header, or an empty text.
func (r *Response) Header(name string) string {
	for _, header := range r.Headers {
		if header.Name == name {
			return header.Value
		}
	}
	return ""
}

// HTTPErrorKind says whether a request was sent.
type HTTPErrorKind uint8

// The kinds of errors of Send.
const (
	Denied HTTPErrorKind = iota
	Unauthenticated
	NotSent
	NoAnswer
)

// HTTPError is why there is no response. A provider may return it unchanged: it maps to the right failure.
type HTTPError struct {
	Kind   HTTPErrorKind
	Detail string
}

func (e *HTTPError) Error() string { return e.Detail }

// Failure returns the failure that the error means.
func (e *HTTPError) Failure() *Failure {
	switch e.Kind {
	case NotSent:
		return RetryLater(-1, "not-sent", e.Detail)
	case NoAnswer:
		return OutcomeUnknown("no-answer", e.Detail)
	case Unauthenticated:
		return Misconfigured("unauthenticated", e.Detail)
	default:
		return Misconfigured("denied", e.Detail)
	}
}
