package wire

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	field = "_otel_trace_headers"
	alias = "_otel_trace_context"
)

var (
	traceparent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)`)
	noSpan      = regexp.MustCompile(`^ff|^.{3}0{32}|^.{36}0{16}`)
)

// ReadCarrier is for Extract(ctx, propagation.MapCarrier(carrier)), of msg.Data and msg.Header.
func ReadCarrier(payload []byte, header map[string][]string) map[string]string {
	message := objectIn(payload)
	for _, name := range []string{field, alias} {
		var carrier map[string]string
		if json.Unmarshal(message[name], &carrier) == nil && hasSpan(carrier) {
			return carrier
		}
	}
	carrier := map[string]string{}
	for name, values := range header {
		carrier[strings.ToLower(name)] = values[len(values)-1]
	}
	return carrier
}

// WriteCarrier returns payload with what Inject wrote into carrier, the rest as it was.
func WriteCarrier(payload []byte, carrier map[string]string) []byte {
	message := objectIn(payload)
	if message == nil || message[field] != nil || !hasSpan(carrier) {
		return payload
	}
	document, _ := json.Marshal(carrier)
	member := `,"` + field + `":` + string(document)
	if len(message) == 0 {
		member = member[1:]
	}
	brace := bytes.LastIndexByte(payload, '}')
	return []byte(string(payload[:brace]) + member + string(payload[brace:]))
}

func objectIn(payload []byte) (message map[string]json.RawMessage) {
	if utf8.Valid(payload) {
		_ = json.Unmarshal(payload, &message) // the map stays nil unless it is one object
	}
	return message
}

func hasSpan(carrier map[string]string) bool {
	text := carrier["traceparent"]
	return traceparent.MatchString(text) && !noSpan.MatchString(text)
}
