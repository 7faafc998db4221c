/** Bytes of images in base64, as a request's JSON has them. */

/** Return an input whose bytes, or those of its fields, are in base64. */
export function withBase64(input: unknown): unknown {
  const bytes = bytesOf(input);
  if (bytes) return base64(bytes);
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  const fields = Object.entries(input);
  if (!fields.some(([, value]) => bytesOf(value))) return input;
  return Object.fromEntries(fields.map(([name, value]) => {
    const inner = bytesOf(value);
    return [name, inner ? base64(inner) : value];
  }));
}

function bytesOf(value: unknown): Uint8Array | null {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return value instanceof Uint8Array && isImage(value) ? value : null;
}

/** Whether bytes begin as PNG, JPEG or WebP files do: a board may be a Uint8Array too. */
function isImage(bytes: Uint8Array): boolean {
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  return start.startsWith("\x89PNG") || start.startsWith("\xff\xd8\xff") ||
    (start.startsWith("RIFF") && start.endsWith("WEBP"));
}

function base64(bytes: Uint8Array): string {
  let text = "";
  // a call takes a limited number of arguments
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}
