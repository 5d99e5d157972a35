const FIELD = "_otel_trace_headers";
const ALIAS = "_otel_trace_context";
const SPAN = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(-|$)/;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// For propagation.extract(ROOT_CONTEXT, carrier), of msg.data and msg.headers.
export function readCarrier(data, headers) {
  try {
    const message = JSON.parse(UTF8.decode(data));
    const carrier = [message[FIELD], message[ALIAS]].find(isCarrier);
    if (carrier) return carrier;
  } catch {
    // No JSON: that leaves the headers.
  }
  const lines = [...(headers ?? [])];
  return Object.fromEntries(lines.map(([name, values]) => [name.toLowerCase(), values.at(-1)]));
}

// `text` with what propagation.inject(context.active(), carrier) wrote, the rest as it was.
export function writeCarrier(text, carrier) {
  try {
    const message = JSON.parse(text);
    if (FIELD in message || !isCarrier(carrier)) return text;
    const comma = Object.keys(message).length > 0 ? "," : "";
    const member = `${comma}"${FIELD}":${JSON.stringify(carrier)}`;
    return text.replace(/}\s*$/, (end) => member + end); // an array ends otherwise
  } catch {
    return text; // no JSON, or no object
  }
}

function isCarrier(value) {
  const isText = (entry) => typeof entry === "string";
  return SPAN.test(value?.traceparent) && Object.values(value).every(isText);
}
