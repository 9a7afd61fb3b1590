package twofactor

import (
	"encoding/json"
	"errors"
)

// The greatest depth of JSON that Unmarshal accepts. encoding/json accepts so much that a component exceeds its stack.
const maxDepth = 64

// Unmarshal is json.Unmarshal for what others wrote, such as responses and reports. It refuses JSON that is nested deeper than 64 levels.
func Unmarshal(data []byte, to any) error {
	depth, inText, escaped := 0, false, false
	for _, letter := range data {
		switch {
		case escaped:
			escaped = false
		case inText && letter == '\\':
			escaped = true
		case letter == '"':
			inText = !inText
		case inText:
		case letter == '{', letter == '[':
			if depth++; depth > maxDepth {
				return errors.New("the JSON is nested too deeply")
			}
		case letter == '}', letter == ']':
			depth--
		}
	}
	return json.Unmarshal(data, to)
}
