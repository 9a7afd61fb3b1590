package twofactor

// Message is a message with a code for one person. The texts have a placeholder for the code: send them unchanged.
type Message struct {
	ID, Recipient, Subject, Text string
	// HTML is empty if there is none.
	HTML string
	// Code is a placeholder for the code, or the code itself if the manifest says NeedsCode.
	Code                         string
	ValidSeconds                 uint32
	Locale, Purpose, Application string
	// Extra has now, recipient-country, report-url, and what later minor versions add.
	Extra []Entry
}

// ReportURL is where the upstream may send delivery reports of this message; empty if the host does not accept them.
func (m *Message) ReportURL() string {
	for _, entry := range m.Extra {
		if entry.Name == "report-url" {
			return entry.Value
		}
	}
	return ""
}

// Receipt says that the upstream accepted the message.
type Receipt struct {
	Reference string
	// Segments is the number of billed segments, 0 if the upstream did not report it.
	Segments uint32
	// Price is what the upstream charges, empty if it did not report it.
	Price Price
	Extra []Entry
}

// Price is an amount of money: a decimal number, and a currency (ISO 4217).
type Price struct{ Amount, Currency string }
