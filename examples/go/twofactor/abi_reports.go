//go:build wasm

package twofactor

const (
	sizeOfProof     = 56
	sizeOfReportKey = 16
	sizeOfReport    = 40
)

//go:wasmexport twofactor:provider/reports@0.2.0#report-proof
func reportProof(options, length uint32) uint32 {
	var proof Proof
	if reporter != nil {
		proof = reporter.ReportProof(text(options, length))
	}
	at := allocate(8 + sizeOfProof)
	to := cursor{at}
	to.option(proof != nil, 4+sizeOfProof, func(to *cursor) { writeProof(to, proof) })
	return at
}

func writeProof(to *cursor, proof Proof) {
	write := func(tag uint8, payload func(to *cursor)) { to.variant(tag, sizeOfProof, payload) }
	switch proof := proof.(type) {
	case Basic:
		write(1, func(to *cursor) { to.text(proof.Username, proof.Password) })
	case Header:
		write(2, func(to *cursor) { to.text(proof.Name, proof.Value) })
	case ReportSignature:
		write(3, func(to *cursor) { writeReportSignature(to, proof) })
	case ReportJWT:
		write(4, func(to *cursor) {
			to.u8(uint8(proof.Algorithm))
			to.text(proof.Key, proof.Header)
			to.entries(proof.Claims)
			to.text(proof.BodyHashClaim)
		})
	case TwilioSignature:
		write(5, func(to *cursor) { to.text(string(proof)) })
	case WebhookSignature:
		write(6, func(to *cursor) { to.text(string(proof)) })
	default:
		write(0, func(*cursor) {})
	}
}

func writeReportSignature(to *cursor, signature ReportSignature) {
	if signature.HMAC != nil {
		to.variant(0, sizeOfReportKey, func(to *cursor) { writeHMACKey(to, *signature.HMAC) })
	} else {
		to.variant(1, sizeOfReportKey, func(to *cursor) { to.text(signature.Ed25519) })
	}
	to.text(signature.Text, signature.Header, signature.Prefix)
	to.flag(signature.Base64)
	to.text(signature.TimestampHeader)
}

//go:wasmexport twofactor:provider/reports@0.2.0#parse-report
func parseReport(options, optionsLength, method, methodLength, query, queryLength, contentType, contentTypeLength, body, bodyLength uint32) uint32 {
	var report *Report
	if reporter != nil {
		report = reporter.ParseReport(text(options, optionsLength), ReportRequest{
			Method: text(method, methodLength), Query: text(query, queryLength), ContentType: text(contentType, contentTypeLength),
			Body: append([]byte(nil), memory(body, bodyLength)...),
		})
	}
	at := allocate(4 + sizeOfReport)
	to := cursor{at}
	to.option(report != nil, sizeOfReport, func(to *cursor) {
		to.u8(uint8(report.Status))
		to.text(report.Code)
		writePrice(to, report.Price)
		to.entries(report.Extra)
	})
	return at
}
