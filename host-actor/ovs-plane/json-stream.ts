// Cuts a stream of text into the JSON values that follow one another in it without separators (RFC 7047, section 4).

/** Takes chunks in order and returns the values completed by each; text is looked at once only.
 *  @throws {SyntaxError} when what stands between two brackets is no JSON; the stream is then of no further use. */
export function createJsonStream(): (chunk: string) => readonly unknown[] {
  let pending = '';
  let depth = 0;
  let inText = false;
  let escaped = false;
  return (chunk) => {
    const values: unknown[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const code = chunk.charCodeAt(at);
      if (inText) {
        if (escaped) escaped = false;
        else if (code === BACKSLASH) escaped = true;
        else if (code === QUOTE) inText = false;
      } else if (code === QUOTE) inText = true;
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
      else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
        depth -= 1;
        if (depth === 0) {
          values.push(JSON.parse(pending + chunk.slice(start, at + 1)));
          pending = '';
          start = at + 1;
        }
      }
    }
    pending += chunk.slice(start);
    return values;
  };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
