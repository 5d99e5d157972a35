package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

const (
	field      = "_otel_trace_headers"
	alias      = "_otel_trace_context"
	maxEntries = 16
	maxSize    = 8192
)

// ReadCarrier is for Extract(context.Background(), propagation.MapCarrier(carrier)).
// The arguments are msg.Data and msg.Header.
func ReadCarrier(payload []byte, header map[string][]string) map[string]string {
	message, headers := objectIn(payload), map[string]string{}
	for name, values := range header {
		for _, value := range values {
			headers[strings.ToLower(name)] = value
		}
	}
	carriers := []map[string]string{decode(message[field]), decode(message[alias]), headers}
	for _, isGood := range []func(map[string]string) bool{hasSpan, isNotEmpty} {
		for _, carrier := range carriers {
			if isGood(carrier) {
				return carrier
			}
		}
	}
	return nil
}

// WriteCarrier returns payload with what Inject wrote into a propagation.MapCarrier, every other
// byte as it was.
func WriteCarrier(payload []byte, carrier map[string]string) []byte {
	message := objectIn(payload)
	document, err := json.Marshal(carrier)
	_, isUsed := message[field]
	if message == nil || isUsed || err != nil || !isNotEmpty(decode(document)) {
		return payload
	}
	member := []byte(`"` + field + `":` + string(document))
	if len(message) > 0 {
		member = append([]byte(","), member...)
	}
	brace := bytes.LastIndexByte(payload, '}')
	return bytes.Join([][]byte{payload[:brace], payload[brace:]}, member)
}

func hasSpan(carrier map[string]string) bool    { return carrier["traceparent"] != "" }
func isNotEmpty(carrier map[string]string) bool { return len(carrier) > 0 }

// objectIn returns nil unless payload is one JSON object in UTF-8.
func objectIn(payload []byte) (message map[string]json.RawMessage) {
	if !utf8.Valid(payload) || json.Unmarshal(payload, &message) != nil {
		return nil
	}
	return message
}

// decode returns nil unless document is an object of strings within bounds.
func decode(document []byte) map[string]string {
	var texts map[string]*string // with string, a null would be ""
	if len(document) > maxSize || json.Unmarshal(document, &texts) != nil || len(texts) > maxEntries {
		return nil
	}
	carrier := map[string]string{}
	for key, text := range texts {
		if text == nil {
			return nil
		}
		carrier[key] = *text
	}
	return carrier
}
