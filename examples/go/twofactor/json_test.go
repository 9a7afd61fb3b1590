package twofactor

import (
	"strings"
	"testing"
)

func TestJSONOfStrangersIsReadToABoundedDepth(t *testing.T) {
	var value any
	for _, text := range []string{
		`{"a": [1, "[[[[", "\"[", "\\"]}`, strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), `"` + strings.Repeat("[", 10_000) + `"`,
		"[" + strings.Repeat("[],", 10_000) + "[]]",
	} {
		if err := Unmarshal([]byte(text), &value); err != nil {
			t.Error(text[:10], err)
		}
	}
	for _, text := range []string{
		strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), strings.Repeat(`{"a":`, 100_000), `"\\` + `"` + strings.Repeat("[", 100),
		"", "{",
	} {
		if err := Unmarshal([]byte(text), &value); err == nil {
			t.Error(text, "was accepted")
		}
	}
}
