const FIELD = "_otel_trace_headers";
const PLACES = [FIELD, "_otel_trace_context"]; // the field, then its alias

// For propagation.extract(ROOT_CONTEXT, carrier). `text` is msg.string(), `headers` msg.headers.
export function readCarrier(text, headers) {
  const message = objectIn(text) ?? {};
  const lines = [...(headers ?? [])].map(([name, values]) => [name.toLowerCase(), values.at(-1)]);
  const carriers = PLACES.map((place) => message[place]).filter(isCarrier);
  carriers.push(Object.fromEntries(lines));
  return carriers.find((carrier) => carrier.traceparent) ?? carriers[0];
}

// `text` with what propagation.inject(context.active(), carrier) wrote, every other byte as it was.
export function writeCarrier(text, carrier) {
  const message = objectIn(text);
  if (!message || FIELD in message || !isCarrier(carrier)) return text;
  const comma = Object.keys(message).length > 0 ? "," : "";
  const brace = text.lastIndexOf("}");
  const member = `${comma}"${FIELD}":${JSON.stringify(carrier)}`;
  return text.slice(0, brace) + member + text.slice(brace);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCarrier(value) {
  if (!isObject(value)) return false;
  const texts = Object.values(value);
  const size = new TextEncoder().encode(JSON.stringify(value)).length;
  const fits = texts.length > 0 && texts.length <= 16 && size <= 8192;
  return fits && texts.every((text) => typeof text === "string");
}

function objectIn(text) {
  try {
    const value = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
